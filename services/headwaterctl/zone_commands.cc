#include "services/headwaterctl/zone_commands.h"

// Before print.h, whose templates look for what is declared here.
#include "services/headwaterctl/zone_views.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/headwaterctl/print.h"
#include "services/headwaterctl/zone_client_shell.h"

namespace headwater {
namespace {

zone::v1::WatchServicesRequest RequestOf(const Invocation& invocation, bool resolve) {
  zone::v1::WatchServicesRequest request;
  request.set_zone(invocation.zone);
  request.set_type(invocation.type);
  request.set_resolve(resolve);
  return request;
}

}  // namespace

absl::Status ZoneList(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto response, ListZones(client));
  Print(response.zones(), kZoneHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status ZoneServices(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto services,
                   ListServices(client, RequestOf(invocation, invocation.resolve)));
  Print(services, kZoneServiceHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status ZoneWatch(HeadendClient& client, const Invocation& invocation) {
  return WatchServices(client, RequestOf(invocation, true),
                       [&](const zone::v1::WatchServicesResponse& response) {
                         if (invocation.json) {
                           PrintJson(ToJson(response));
                         } else if (!response.has_synced()) {
                           fmt::print("{}\n", StepText(response));
                         }
                         return std::fflush(stdout) == 0;
                       });
}

absl::Status ZoneMirrored(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto mirrored, ListMirrored(client));
  Print(mirrored, kMirroredHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status ZonePolicyList(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto response, ListZones(client));
  Print(response.rules(), kRuleHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status ZonePolicyCheck(HeadendClient& client, const Invocation& invocation) {
  zone::v1::CheckPolicyRequest request;
  if (!invocation.argument.empty()) {
    std::ifstream file(invocation.argument, std::ios::binary);
    if (!file)
      return absl::NotFoundError(ToAbsl(fmt::format("{}: cannot be read", invocation.argument)));
    request.set_configuration(
        std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
    request.set_file(invocation.argument);
  }
  ASSIGN_OR_RETURN(const auto response, CheckPolicy(client, request));
  Print(response.crossings(), kCrossingHeader, invocation.json);
  if (!invocation.json) fmt::print("{}\n", ResultText(response));
  return absl::OkStatus();
}

}  // namespace headwater
