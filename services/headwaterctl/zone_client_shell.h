#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "headwater/zone/v1/zone.pb.h"
#include "services/headwaterctl/client_shell.h"

namespace headwater {

// Asks the mdns-zone-proxy that the manager knows; where it knows none or does not answer, the one
// whose socket is beside the manager's. Errors name the target.
absl::StatusOr<zone::v1::ListZonesResponse> ListZones(HeadendClient& client);
// What is there now.
absl::StatusOr<std::vector<zone::v1::Mirrored>> ListMirrored(HeadendClient& client);
// With `resolve` for two seconds, in which what is asked for comes.
absl::StatusOr<std::vector<zone::v1::Service>> ListServices(
    HeadendClient& client, const zone::v1::WatchServicesRequest& request);
// Calls `on_event` for every step until it returns false or the stream ends.
absl::Status WatchServices(
    HeadendClient& client, const zone::v1::WatchServicesRequest& request,
    absl::FunctionRef<bool(const zone::v1::WatchServicesResponse&)> on_event);
absl::StatusOr<zone::v1::CheckPolicyResponse> CheckPolicy(
    HeadendClient& client, const zone::v1::CheckPolicyRequest& request);

}  // namespace headwater
