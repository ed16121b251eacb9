#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "services/mcast-bridge/hygiene.h"
#include "services/mcast-bridge/kernel_state.h"
#include "services/mcast-bridge/options.h"
#include "services/mcast-bridge/ruleset.h"
#include "services/mcast-bridge/smcroute_words.h"

namespace headwater::bridge {

struct LoggedComplaint {
  Complaint complaint;
  // When it came last.
  absl::Time time;
  uint64_t count = 1;
};

// smcrouted, as supervised.
struct SmcrouteState {
  bool running = false;
  int pid = 0;
  uint64_t restarts = 0;
  // Multicast routing of that family is ours.
  bool ipv4 = false;
  bool ipv6 = false;
  // The newest last.
  std::deque<LoggedComplaint> complaints;
  // By kind, all of them.
  std::map<std::string, uint64_t> complaints_total;

  static constexpr size_t kComplaintsMax = 32;
  // One that was there already moves to the end and counts on; the oldest makes room.
  void Complain(const Complaint& complaint, absl::Time now);
};

enum class RuleState : uint8_t { kActive, kPartial, kDown };

struct RuleStatus {
  RuleState state = RuleState::kDown;
  // What is missing, in words; empty when active.
  std::string reason;
  bool operator==(const RuleStatus&) const = default;
};

// Everything that the service tells.
struct BridgeState {
  Plan plan;
  // Links whose interface is there and up.
  std::set<std::string> links_up;
  // Of hygiene and of the bridge itself.
  std::vector<Check> checks;
  SmcrouteState smcroute;
  RouteTable routes;
  // Since the service started, over all rulesets.
  std::map<CounterMeaning, uint64_t> counters;

  RuleStatus StatusOf(const Rule& rule) const;
  // Of a counter; 0 when there is none.
  uint64_t Count(const CounterMeaning& meaning) const;
  // The rule that a group belongs to; empty: none.
  std::string RuleOf(const RouteKey& key) const;
};

// Sums over rulesets: replacing one begins its counters anew.
class CounterSums {
 public:
  // `values` by name, of the ruleset whose counters mean `meanings`.
  void Update(const std::map<std::string, CounterMeaning>& meanings,
              const std::map<std::string, CounterValue>& values,
              std::map<CounterMeaning, uint64_t>& sums);
  // The next values are a new ruleset's.
  void BeginAnew() { last_.clear(); }

 private:
  std::map<std::string, uint64_t> last_;
};

}  // namespace headwater::bridge
