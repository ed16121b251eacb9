#include "services/mcast-bridge/bridge_rules.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_text.h"

namespace headwater::bridge {
namespace {

struct NamedGroups {
  std::string_view name;
  std::array<std::string_view, 6> groups;
};
// UPnP: Device Architecture 2.0, annex A.3. SAP: RFC 2974 section 3, and its administratively
// scoped groups of RFC 2365.
constexpr NamedGroups kNamedGroups[] = {
    {"upnp", {"239.255.255.250", kSsdpSiteLocal, "ff08::c", "ff0e::c"}},
    {"sap",
     {"224.2.127.254", "239.255.255.255", "239.195.255.255", "ff05::2:7ffe", "ff08::2:7ffe",
      "ff0e::2:7ffe"}}};

absl::Status Wrong(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(ToAbsl(fmt::format("\"{}\" {}", text, what)));
}

int FullLength(const IpAddress& address) { return address.is_v4() ? 32 : 128; }

// 224.0.0/24 (RFC 5771 section 4), ff01 and ff02 (RFC 4291 section 2.7) and 0.
bool StaysOnLink(const IpAddress& group) {
  const Bytes bytes = group.bytes();
  if (group.is_v4()) return bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0;
  return group.MulticastScope() <= 2;
}

absl::Status CheckGroup(std::string_view text, const AddressBlock& block) {
  // All of the block, not its first address alone: 224/4 and ff00::/8 are what is multicast.
  if (!block.base.IsMulticast() || block.length < (block.base.is_v4() ? 4 : 8))
    return Wrong(text, "is not a multicast group or a block of them");
  const bool all_scopes = block.base.is_v6() && block.length < 16;
  const AddressBlock local = {IpAddress::V4(0xe0000000), 24};
  if (StaysOnLink(block.base) || all_scopes || Overlap(block, local)) {
    return Wrong(text,
                 "has groups that no router forwards (224.0.0.0/24, ff02::/16); SSDP's ff02::c is "
                 "turned into ff05::c by a rule for that");
  }
  return absl::OkStatus();
}

bool Has(const std::vector<std::string>& list, const std::string& word) {
  return std::ranges::find(list, word) != list.end();
}

// Collects faults of one rule.
class RuleCheck {
 public:
  RuleCheck(const RuleOptions& options, const Site& site, std::vector<RuleFault>& faults)
      : options_(options), site_(site), faults_(faults) {}

  Rule Build() {
    Rule rule{.options = options_};
    CheckGroups(rule);
    CheckLinks();
    AddDirections(rule);
    CheckNumbers(rule);
    CheckBroadcast(rule);
    return rule;
  }

 private:
  template <typename... Args>
  void Fault(std::string_view key, fmt::format_string<Args...> format, Args&&... args) {
    faults_.push_back({options_.name, std::string(key),
                       fmt::format("rule \"{}\": {}", options_.name,
                                   fmt::format(format, std::forward<Args>(args)...))});
  }

  void CheckGroups(Rule& rule) {
    if (options_.groups.empty()) Fault("groups", "needs groups, as [\"upnp\"] or [\"239.1.2.3\"]");
    if (options_.groups.size() > kGroupsMax) Fault("groups", "at most {} groups", kGroupsMax);
    const IpAddress ssdp = *IpAddress::Parse(kSsdpSiteLocal);
    for (const GroupSpec& group : options_.groups) {
      if (options_.join && !group.single()) {
        Fault("join", "a block ({}) cannot be joined; name its groups", group.ToString());
      }
      rule.ssdp_v6 = rule.ssdp_v6 || (group.single() && group.group.base == ssdp);
    }
  }

  void CheckLinks() {
    const bool both_ways = !options_.links.empty();
    if (both_ways && (!options_.from.empty() || !options_.to.empty())) {
      Fault("links", "either links (both ways) or from and to");
    } else if (both_ways ? options_.links.size() < 2 && !options_.same_interface
                         : options_.from.empty() || options_.to.empty()) {
      Fault("links", "needs two links, or from and to");
    }
    for (const auto& [key, list] :
         {std::pair("links", &options_.links), std::pair("from", &options_.from),
          std::pair("to", &options_.to)}) {
      for (const std::string& link : *list) {
        if (!Has(site_.links, link)) {
          Fault(key, "\"{}\" is no link of [legs] ({})", link, fmt::join(site_.links, ", "));
        }
      }
    }
  }

  void AddDirections(Rule& rule) {
    const bool both_ways = !options_.links.empty();
    std::set<Direction> directions;
    for (const std::string& from : both_ways ? options_.links : options_.from) {
      for (const std::string& to : both_ways ? options_.links : options_.to) {
        if (from != to || options_.same_interface) directions.insert({from, to});
      }
    }
    rule.directions.assign(directions.begin(), directions.end());
  }

  // A listener there would hear the sender in its own link, and the same again by the bridge.
  void CheckNumbers(const Rule& rule) {
    const std::vector<AddressBlock> ours = GroupsOf(site_.numbers);
    for (const GroupSpec& group : options_.groups) {
      const auto found = std::ranges::find_if(
          ours, [&](const AddressBlock& block) { return Overlap(block, group.group); });
      if (found == ours.end()) continue;
      for (const Direction& direction : rule.directions) {
        if (!Has(site_.sender_links, direction.to)) continue;
        Fault("groups",
              "{} is of the number plan ({}), and a sender has a leg in link {}: it would arrive "
              "twice there",
              group.ToString(), found->ToString(), direction.to);
        break;
      }
    }
  }

  void CheckBroadcast(Rule& rule) {
    if (options_.broadcast_ports.empty()) return;
    for (const GroupSpec& group : options_.groups) {
      if (group.is_v4() && group.single() && !group.source) {
        rule.broadcast_group = group.group.base;
        return;
      }
    }
    Fault("broadcast_ports", "needs an IPv4 group in groups that broadcast is turned into");
  }

  const RuleOptions& options_;
  const Site& site_;
  std::vector<RuleFault>& faults_;
};

// smcrouted takes the first rule that matches; two that differ would hide each other.
void CheckOverlaps(const Rule& a, const Rule& b, std::vector<RuleFault>& faults) {
  const auto share_a_link = [&] {
    return std::ranges::any_of(a.directions, [&](const Direction& one) {
      return std::ranges::any_of(b.directions,
                                 [&](const Direction& two) { return one.from == two.from; });
    });
  };
  for (const GroupSpec& one : a.options.groups) {
    for (const GroupSpec& two : b.options.groups) {
      if (one == two || one.source != two.source || !Overlap(one.group, two.group)) continue;
      if (!share_a_link()) return;
      faults.push_back(
          {b.options.name, "groups",
           fmt::format("rule \"{}\": {} overlaps {} of rule \"{}\" from the same link",
                       b.options.name, two.ToString(), one.ToString(), a.options.name)});
    }
  }
}

void CheckControl(const ControlOptions& control, const Site& site, std::vector<RuleFault>& faults) {
  const auto fault = [&](std::string_view key, std::string_view text) {
    faults.push_back(
        {control.name, std::string(key), fmt::format("control \"{}\": {}", control.name, text)});
  };
  for (const auto& [key, link] : {std::pair("from", control.from), std::pair("to", control.to)}) {
    if (!Has(site.links, link)) fault(key, fmt::format("\"{}\" is no link of [legs]", link));
  }
  if (control.from == control.to) fault("to", "the two links are the same");
  if (control.hosts.empty()) fault("hosts", "needs devices, as [\"192.0.2.5\", \"2001:db8::/64\"]");
  if (control.ports.empty()) fault("ports", "needs ports, as [\"1400\", \"49152-49200\"]");
}

}  // namespace

std::string GroupSpec::ToString() const {
  const std::string text = single() ? group.base.ToString() : group.ToString();
  return source ? source->ToString() + "@" + text : text;
}

bool Overlap(const AddressBlock& a, const AddressBlock& b) {
  return a.Contains(b.base) || b.Contains(a.base);
}

absl::StatusOr<std::vector<GroupSpec>> ParseGroups(std::string_view text) {
  std::vector<GroupSpec> groups;
  for (const NamedGroups& named : kNamedGroups) {
    if (named.name != text) continue;
    for (const std::string_view one : named.groups) {
      if (one.empty()) continue;
      const IpAddress address = *IpAddress::Parse(one);
      groups.push_back({{address, FullLength(address)}});
    }
    return groups;
  }
  if (text.find('/') != std::string_view::npos) {
    ASSIGN_OR_RETURN(const AddressBlock block, ParseAddressBlock(text));
    RETURN_IF_ERROR(CheckGroup(text, block));
    groups.push_back({block});
    return groups;
  }
  ASSIGN_OR_RETURN(const Channel channel, ParseChannel(text));
  const AddressBlock block = {channel.group, FullLength(channel.group)};
  RETURN_IF_ERROR(CheckGroup(text, block));
  groups.push_back({block, channel.source});
  return groups;
}

absl::StatusOr<PortRange> ParsePorts(std::string_view text) {
  const size_t dash = text.find('-');
  const std::string_view last = dash == std::string_view::npos ? text : text.substr(dash + 1);
  uint32_t low = 0, high = 0;
  if (!absl::SimpleAtoi(ToAbsl(text.substr(0, dash)), &low) ||
      !absl::SimpleAtoi(ToAbsl(last), &high) || low < 1 || high > 65535 || low > high) {
    return Wrong(text, "must be a port or a range of ports, as \"49152-49200\"");
  }
  return PortRange{static_cast<uint16_t>(low), static_cast<uint16_t>(high)};
}

bool Rule::Covers(const IpAddress& group, const IpAddress& source) const {
  return std::ranges::any_of(options.groups, [&](const GroupSpec& spec) {
    return spec.group.Contains(group) && (!spec.source || *spec.source == source);
  });
}

// ff3S:0040:prefix:0/96 for the /64s of a site, shorter prefixes likewise with their length; ff3S::
// 8000:0/97 with SSM: all numbers have the top bit set, and a shorter block is the safe side.
std::vector<AddressBlock> GroupsOf(const PlanConfig& numbers) {
  std::vector<AddressBlock> blocks;
  for (const Ipv4Window& window : numbers.windows) blocks.push_back(window.groups);
  for (const GroupBinding& binding : numbers.bindings) {
    blocks.push_back({binding.group, FullLength(binding.group)});
  }
  std::vector<uint8_t> scopes = numbers.ipv6_scopes;
  if (scopes.empty()) scopes = {5, 8, 14};
  for (const uint8_t scope : scopes) {
    std::array<uint8_t, 16> group = {0xff, static_cast<uint8_t>(0x30 | scope)};
    if (numbers.ipv6_ssm) {
      std::array<uint8_t, 16> ssm = group;
      ssm[12] = 0x80;
      blocks.push_back({IpAddress::V6(ssm), 97});
    }
    for (const AddressBlock& prefix : numbers.ipv6_prefixes) {
      std::array<uint8_t, 16> own = group;
      own[3] = static_cast<uint8_t>(prefix.length);
      std::copy_n(prefix.base.bytes().begin(), 8, own.begin() + 4);
      blocks.push_back({IpAddress::V6(own), 96});
    }
  }
  return blocks;
}

Plan BuildPlan(const std::vector<RuleOptions>& rules, const std::vector<ControlOptions>& controls,
               const Site& site, std::vector<RuleFault>& faults) {
  Plan plan;
  std::set<std::string> names, links;
  if (rules.size() > kRulesMax) {
    faults.push_back({"", "rules", fmt::format("at most {} rules", kRulesMax)});
    return plan;
  }
  for (const RuleOptions& options : rules) {
    if (!names.insert(options.name).second) {
      faults.push_back(
          {options.name, "name", fmt::format("two rules are called \"{}\"", options.name)});
    }
    Rule rule = RuleCheck(options, site, faults).Build();
    CheckOverlaps(rule, rule, faults);
    for (const Rule& before : plan.rules) CheckOverlaps(before, rule, faults);
    for (const Direction& direction : rule.directions) {
      links.insert({direction.from, direction.to});
    }
    plan.rules.push_back(std::move(rule));
  }
  for (const ControlOptions& control : controls) CheckControl(control, site, faults);
  plan.controls = controls;
  plan.links.assign(links.begin(), links.end());
  if (plan.links.size() > kInterfacesMax) {
    faults.push_back({"", "rules",
                      fmt::format("the rules name {} links; the kernel routes multicast between at "
                                  "most {} interfaces: use several instances in network namespaces "
                                  "of their own",
                                  plan.links.size(), kInterfacesMax)});
  }
  return plan;
}

}  // namespace headwater::bridge
