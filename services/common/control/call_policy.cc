#include "services/common/control/call_policy.h"

#include <fmt/format.h>

namespace headwater {
namespace {

enum class Callers {
  kManager,  // the session-manager, the only service that calls
  kPeople,   // headwaterctl and the console
  kBoth,
};

struct Right {
  Callers callers;
  std::string_view service;
  // Separated by spaces; "*" is all.
  std::string_view methods;
};

// Commands that start or stop what costs are the manager's alone: two who decide would undo each
// other's work. People read, and do what belongs to the catalogue, the sessions and a scan.
constexpr Right kRights[] = {
    {Callers::kPeople, "headwater.session.v1.SessionService", "*"},
    {Callers::kBoth, "headwater.membership.v1.MembershipService", "WatchMembership"},
    {Callers::kManager, "headwater.directory.v1.DirectoryService",
     "WatchPlan Resolve NextCheck ReportPlay ReportLineup ReportGuide"},
    {Callers::kPeople, "headwater.directory.v1.DirectoryService",
     "WatchPlan Resolve ListStations Search Export ReportPlay DescribeStation AddStation "
     "RemoveStation DisableStation FavouriteStation AliasStation ListDirectories "
     "RefreshDirectory DiffDirectory"},
    {Callers::kManager, "headwater.packager.v1.PackagerService", "*"},
    {Callers::kPeople, "headwater.packager.v1.PackagerService", "WatchSessions WatchLegs Probe"},
    {Callers::kManager, "headwater.announce.v1.AnnounceService", "*"},
    {Callers::kPeople, "headwater.announce.v1.AnnounceService", "WatchAnnouncements"},
    {Callers::kManager, "headwater.tuner.v1.TunerService",
     "AcquireService ReleaseService WatchLeases WatchTuners WatchLineup WatchGuide"},
    {Callers::kPeople, "headwater.tuner.v1.TunerService",
     "WatchLeases WatchTuners WatchLineup WatchGuide Scan"},
    {Callers::kPeople, "headwater.bridge.v1.BridgeService", "*"},
    {Callers::kPeople, "headwater.zone.v1.ZoneService", "*"},
    {Callers::kPeople, "headwater.monitor.v1.MonitorService", "*"},
    {Callers::kBoth, "grpc.health.v1.Health", "*"},
    {Callers::kPeople, "grpc.reflection.v1alpha.ServerReflection", "*"},
};

struct Served {
  std::string_view service;
  std::string_view role;
};
constexpr Served kServed[] = {
    {"headwater.session.v1.SessionService", "session-manager"},
    {"headwater.membership.v1.MembershipService", "membership-watcher"},
    {"headwater.directory.v1.DirectoryService", "directory-resolver"},
    {"headwater.packager.v1.PackagerService", "rtp-packager"},
    {"headwater.announce.v1.AnnounceService", "sap-announcer"},
    {"headwater.tuner.v1.TunerService", "dvb-tuner"},
    {"headwater.bridge.v1.BridgeService", "mcast-bridge"},
    {"headwater.zone.v1.ZoneService", "mdns-zone-proxy"},
    {"headwater.monitor.v1.MonitorService", "mcast-monitor"},
};

bool Includes(Callers callers, std::string_view role) {
  if (role == "session-manager") return callers != Callers::kPeople;
  if (role == "headwaterctl" || role == "console") return callers != Callers::kManager;
  return false;
}

bool Names(std::string_view methods, std::string_view method) {
  if (methods == "*") return true;
  while (!methods.empty()) {
    const std::string_view word = methods.substr(0, methods.find(' '));
    if (word == method) return true;
    methods.remove_prefix(word.size() == methods.size() ? word.size() : word.size() + 1);
  }
  return false;
}

}  // namespace

std::optional<std::string> RefuseCall(std::string_view caller, std::string_view path) {
  const size_t slash = path.find('/', 1);
  if (path.starts_with('/') && slash != path.npos && slash + 1 < path.size()) {
    const std::string_view service = path.substr(1, slash - 1);
    for (const Right& right : kRights) {
      if (right.service == service && Includes(right.callers, caller) &&
          Names(right.methods, path.substr(slash + 1)))
        return std::nullopt;
    }
  }
  return fmt::format("a {} may not call {}", caller, path);
}

std::optional<std::string> RefuseServer(std::string_view server, std::string_view service) {
  for (const Served& served : kServed) {
    if (served.service == service && served.role != server)
      return fmt::format("the server is a {}, and not a {}", server, served.role);
  }
  return std::nullopt;
}

}  // namespace headwater
