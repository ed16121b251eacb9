#pragma once

#include <absl/status/statusor.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/plan/number_plan.h"

namespace headwater::bridge {

// The kernel has 32 virtual interfaces for multicast routing (MAXVIFS), of which smcrouted 2.5.6
// can name 31 as outgoing ones.
inline constexpr size_t kInterfacesMax = 31;
inline constexpr size_t kRulesMax = 64;
inline constexpr size_t kGroupsMax = 64;  // of one rule
inline constexpr uint16_t kSsdpPort = 1900;
// SSDP in IPv6, which never leaves its link, and what it becomes (UPnP Device Architecture 2.0,
// annex A).
inline constexpr std::string_view kSsdpLinkLocal = "ff02::c";
inline constexpr std::string_view kSsdpSiteLocal = "ff05::c";

// Groups that are forwarded: one or a block, from any source or from one.
struct GroupSpec {
  AddressBlock group;
  std::optional<IpAddress> source = std::nullopt;

  bool is_v4() const { return group.base.is_v4(); }
  bool single() const { return group.length == (is_v4() ? 32 : 128); }
  // "239.1.0.0/16", "192.0.2.1@239.1.2.3".
  std::string ToString() const;
  bool operator==(const GroupSpec&) const = default;
};

// "239.1.2.3", "ff05::c", "239.1.0.0/16", "192.0.2.1@239.1.2.3"; "upnp" and "sap" are the groups of
// these names. INVALID_ARGUMENT quotes the text: no multicast, or a scope that never leaves a link.
absl::StatusOr<std::vector<GroupSpec>> ParseGroups(std::string_view text);

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
  bool operator==(const PortRange&) const = default;
};
// "1400" or "49152-49200"; 1 to 65535.
absl::StatusOr<PortRange> ParsePorts(std::string_view text);

// A rule as configured.
struct RuleOptions {
  std::string name;
  std::vector<GroupSpec> groups;
  // Either each of `links` to each other one, or each of `from` to each of `to`.
  std::vector<std::string> links;
  std::vector<std::string> from;
  std::vector<std::string> to;
  // Also back into the link that a packet came from: for access points that keep stations apart.
  bool same_interface = false;
  // This machine reports membership on the incoming links, for switches that deliver nothing else.
  bool join = false;
  // TTL and hop limit are raised to this; 0: left.
  uint8_t hops_min = 0;
  // UDP broadcast to these ports becomes multicast to the first single IPv4 group.
  std::vector<uint16_t> broadcast_ports;
  // Whoever sends to these ports may be answered by unicast for 6 s; to port 1900 only M-SEARCH
  // counts.
  std::vector<uint16_t> answer_ports;
  bool operator==(const RuleOptions&) const = default;
};

// Unicast that may cross after a discovery: a client's TCP to a device, and the device's events to
// the client.
struct ControlOptions {
  std::string name;
  std::string from;
  std::string to;
  std::vector<AddressBlock> hosts;
  std::vector<PortRange> ports;
  std::vector<PortRange> callback_ports;
  bool operator==(const ControlOptions&) const = default;
};

// Links by name.
struct Direction {
  std::string from;
  std::string to;
  auto operator<=>(const Direction&) const = default;
};

// A rule as checked.
struct Rule {
  RuleOptions options;
  // Sorted, each once; with same_interface `from` and `to` may be the same.
  std::vector<Direction> directions;
  // Where broadcast goes; set where there are broadcast ports.
  std::optional<IpAddress> broadcast_group;
  // Turns ff02::c into ff05::c.
  bool ssdp_v6 = false;

  bool Covers(const IpAddress& group, const IpAddress& source) const;
};

// What is to be bridged.
struct Plan {
  std::vector<Rule> rules;
  std::vector<ControlOptions> controls;
  // Of all rules, sorted, each once.
  std::vector<std::string> links;
};

// What the rules are held against.
struct Site {
  // Every link that this machine has a leg in.
  std::vector<std::string> links;
  // Where a sender of the headend has a leg.
  std::vector<std::string> sender_links;
  PlanConfig numbers;
};

// What is wrong with a rule; `key` is the configuration's.
struct RuleFault {
  std::string rule;
  std::string key;
  std::string text;
  bool operator==(const RuleFault&) const = default;
};

// All groups of a number plan.
std::vector<AddressBlock> GroupsOf(const PlanConfig& numbers);
bool Overlap(const AddressBlock& a, const AddressBlock& b);

// Checks everything; with faults the plan is not to be used.
Plan BuildPlan(const std::vector<RuleOptions>& rules, const std::vector<ControlOptions>& controls,
               const Site& site, std::vector<RuleFault>& faults);

}  // namespace headwater::bridge
