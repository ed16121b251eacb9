#include "services/mcast-bridge/smcroute_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <vector>

namespace headwater::bridge {
namespace {

// "source 192.0.2.1 group 239.1.2.3", "group 239.1.0.0/16".
std::string SourceAndGroup(const GroupSpec& spec) {
  const std::string group = spec.single() ? spec.group.base.ToString() : spec.group.ToString();
  return spec.source ? fmt::format("source {} group {}", spec.source->ToString(), group)
                     : fmt::format("group {}", group);
}

// smcrouted takes the first line that matches: what names a source stands before what does not.
struct RouteLine {
  bool any_source;
  std::string text;
  auto operator<=>(const RouteLine&) const = default;
};

}  // namespace

std::string SmcrouteConfig(const Plan& plan, const Interfaces& present, bool ipv6) {
  std::set<std::string> interfaces, joins;
  std::map<RouteLine, std::set<std::string>> routes;
  for (const Rule& rule : plan.rules) {
    for (const Direction& direction : rule.directions) {
      const auto from = present.find(direction.from), to = present.find(direction.to);
      if (from == present.end() || to == present.end()) continue;
      interfaces.insert({from->second, to->second});
      for (const GroupSpec& group : rule.options.groups) {
        if (!group.is_v4() && !ipv6) continue;
        const std::string line = fmt::format("from {} {}", from->second, SourceAndGroup(group));
        routes[{!group.source, line}].insert(to->second);
        if (rule.options.join) joins.insert(line);
      }
    }
  }
  std::string text = "# Written by mcast-bridge; changes are lost.\n";
  for (const std::string& interface : interfaces)
    text += fmt::format("phyint {} enable\n", interface);
  for (const std::string& join : joins) text += fmt::format("mgroup {}\n", join);
  for (const auto& [route, to] : routes) {
    text += fmt::format("mroute {} to {}\n", route.text, fmt::join(to, " "));
  }
  return text;
}

}  // namespace headwater::bridge
