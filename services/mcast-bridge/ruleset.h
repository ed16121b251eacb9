#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "services/mcast-bridge/bridge_rules.h"
#include "services/mcast-bridge/smcroute_config.h"

namespace headwater::bridge {

// What a counter of the ruleset counts.
struct CounterMeaning {
  enum class Kind : uint8_t {
    kPackets,          // of a rule, in a direction
    kAnswers,          // to searches that went in that direction
    kTtl,              // came by `from` with a TTL or hop limit too small to cross
    kLinkLocalSource,  // searches by `from` that no answer could find back to
  };
  Kind kind = Kind::kPackets;
  std::string rule;
  std::string from;
  std::string to;
  auto operator<=>(const CounterMeaning&) const = default;
};

struct Ruleset {
  // For nft: replaces the whole table in one transaction.
  std::string text;
  // By the counter's name.
  std::map<std::string, CounterMeaning> counters;
};

// The project's own nftables table for a plan. Before routing it turns broadcast into multicast
// and ff02::c into ff05::c (both in the packet, without connection tracking: a tracked translation
// would have answers come from a group's address) and raises TTLs. Before the filters of the
// forward hook (priority -5) it remembers who searches, and sets the bits of `mark` on everything
// that may cross, for a firewall to accept: an accept of ours ends nobody else's chain. It drops
// nothing. Deterministic.
Ruleset BuildRuleset(const Plan& plan, const Interfaces& interfaces, const std::string& table,
                     uint32_t mark);

// For nft: the table is gone, whether it was there or not.
std::string DeleteTable(const std::string& table);

struct CounterValue {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  bool operator==(const CounterValue&) const = default;
};
// What `nft list counters table inet ...` prints.
std::map<std::string, CounterValue> ParseCounters(std::string_view text);

}  // namespace headwater::bridge
