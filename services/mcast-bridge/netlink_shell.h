#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <vector>

#include "services/mcast-bridge/hygiene.h"

namespace headwater::bridge {

// What hygiene asks of rtnetlink and changes by it, in this network namespace. Each call is one
// request on a socket of its own. Errors are UNAVAILABLE and name what was asked.

// Multicast snooping of every interface that is a bridge.
absl::StatusOr<std::map<std::string, bool>> ReadSnooping();
// OK when there is no such interface (any more).
absl::Status SetSnooping(const std::string& interface, bool on);

struct MulticastRoutes {
  std::vector<MulticastRoute> routes;
  // Of kUnreachableRoutes.
  std::vector<std::string> unreachable;
};
absl::StatusOr<MulticastRoutes> ReadMulticastRoutes();

// One of kUnreachableRoutes: IPv4 in the main table, IPv6 in the local one, before the kernel's own
// ff00::/8 routes; these are for an interface each and are still found when it is named. OK when
// it is there already, or gone already.
absl::Status SetUnreachable(bool v4, bool wanted);
// Takes away a route as ReadMulticastRoutes found it, or puts it back. OK when that is so already;
// a route whose interface is gone stays away.
absl::Status SetRoute(const std::string& message, bool wanted);

}  // namespace headwater::bridge
