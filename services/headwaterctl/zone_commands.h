#pragma once

#include <absl/status/status.h>

#include "services/headwaterctl/client_shell.h"
#include "services/headwaterctl/commands.h"

namespace headwater {

// What mdns-zone-proxy sees and does; as in commands.h.
absl::Status ZoneList(HeadendClient& client, const Invocation& invocation);
absl::Status ZoneServices(HeadendClient& client, const Invocation& invocation);
// Until interrupted.
absl::Status ZoneWatch(HeadendClient& client, const Invocation& invocation);
absl::Status ZoneMirrored(HeadendClient& client, const Invocation& invocation);
absl::Status ZonePolicyList(HeadendClient& client, const Invocation& invocation);
// INVALID_ARGUMENT: the file is no good configuration, with all its faults.
absl::Status ZonePolicyCheck(HeadendClient& client, const Invocation& invocation);

}  // namespace headwater
