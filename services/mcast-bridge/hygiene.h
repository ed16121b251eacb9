#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "services/mcast-bridge/journal.h"
#include "services/mcast-bridge/smcroute_config.h"

namespace headwater::bridge {

// Which changes of this machine are wanted; without leave it is only looked at.
struct HygieneOptions {
  // Links whose bridge shall not snoop.
  std::vector<std::string> snooping_off;
  // Unicast between the links: answers, descriptions, control.
  bool forwarding = false;
  // Multicast that names no interface is unreachable.
  bool carve_routes = false;
  // Chains of a firewall that get a rule of ours at their top, "inet filter forward".
  std::vector<std::string> firewall_chains;
  bool operator==(const HygieneOptions&) const = default;
};

// A multicast route to an interface, in the main or the local table, that the kernel has not made.
struct MulticastRoute {
  bool is_v4 = true;
  // "224.0.0.0/4 dev lan".
  std::string text;
  // The netlink message, in hexadecimal: what puts it back.
  std::string message;
};

// A base chain of the forward hook.
struct ForwardChain {
  // "inet filter forward".
  std::string name;
  bool drops = false;
  // Has our rule, or one like it.
  bool accepts_mark = false;
  // Has our rule.
  bool ours = false;
  bool operator==(const ForwardChain&) const = default;
};

// How this machine is.
struct Facts {
  // Snooping of those of the interfaces that are bridges.
  std::map<std::string, bool> snooping;
  // "net/ipv4/conf/lan/forwarding" -> "1" (a name may have dots); of IPv6 all that setting `all`
  // changes.
  std::map<std::string, std::string> sysctls;
  std::vector<MulticastRoute> routes;
  // Of kUnreachableRoutes, those there are.
  std::vector<std::string> unreachable;
  std::vector<ForwardChain> chains;
};

enum class CheckState : uint8_t { kGood, kApplied, kWrong };

struct Check {
  std::string name;
  std::string subject;
  CheckState state = CheckState::kGood;
  std::string detail;
  bool operator==(const Check&) const = default;
};

struct Verdict {
  std::vector<Check> checks;
  // To be made, in this order, each after it has been written down.
  std::vector<Change> changes;
};

// Holds the facts against what is wanted. `journal` says what we have changed already. Pure.
Verdict Judge(const HygieneOptions& options, const Interfaces& present, const Facts& facts,
              const Journal& journal, uint32_t mark);

// The rule of a firewall that lets through what the bridge marks.
std::string AcceptRule(uint32_t mark);
// With this the rule of ours is found again.
inline constexpr std::string_view kRuleComment = "headwater mcast-bridge";
// What `nft list chains`, `list chain` or `list ruleset` prints, with or without -a: base chains of
// the forward hook, but of `own_table`.
std::vector<ForwardChain> ParseForwardChains(std::string_view text, std::string_view own_table,
                                             uint32_t mark);
// Handles of the rules with our comment in a chain, by what `nft -a` prints.
std::vector<std::string> OwnRuleHandles(std::string_view text, std::string_view chain);

}  // namespace headwater::bridge
