#pragma once

#include <map>
#include <string>

#include "services/mcast-bridge/bridge_rules.h"

namespace headwater::bridge {

// Interfaces by link.
using Interfaces = std::map<std::string, std::string>;

// smcroute.conf(5) for what of the plan can be routed by the interfaces that are there: one
// `mroute` for each link, source and group, with all that it goes to, since smcrouted takes the
// first that matches. The same plan and interfaces make the same text. Names of interfaces are
// letters, digits, '_', '-', '.', '@' and ':' (config.cc), so nothing in it can be read in another
// way.
//
// Without `ipv6` it has IPv4 alone: smcrouted 2.5.6 ends by a signal when it reads an IPv6 route
// and IPv6 multicast routing is another program's, or no part of the kernel.
std::string SmcrouteConfig(const Plan& plan, const Interfaces& present, bool ipv6 = true);

}  // namespace headwater::bridge
