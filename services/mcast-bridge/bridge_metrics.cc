#include "services/mcast-bridge/bridge_metrics.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace headwater::bridge {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Registry;

constexpr std::array<std::pair<CheckState, const char*>, 3> kCheckStates = {
    {{CheckState::kGood, "good"},
     {CheckState::kApplied, "applied"},
     {CheckState::kWrong, "wrong"}}};
constexpr std::array<std::pair<RuleState, const char*>, 3> kRuleStates = {
    {{RuleState::kActive, "active"}, {RuleState::kPartial, "partial"}, {RuleState::kDown, "down"}}};

Family<Counter>& CounterFamily(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& GaugeFamily(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

BridgeMetrics::BridgeMetrics(Registry& registry)
    : packets_(CounterFamily(registry, "headwater_mcast_bridge_packets_total",
                             "Multicast that the kernel has forwarded.")),
      bytes_(CounterFamily(registry, "headwater_mcast_bridge_bytes_total",
                           "Bytes of the multicast that the kernel has forwarded.")),
      wrong_interface_(CounterFamily(registry, "headwater_mcast_bridge_wrong_interface_total",
                                     "Multicast that came by another interface than its route's.")),
      rule_packets_(CounterFamily(registry, "headwater_mcast_bridge_rule_packets_total",
                                  "Multicast that passed to another link by a rule.")),
      answers_(CounterFamily(registry, "headwater_mcast_bridge_answers_total",
                             "Unicast answers to searches that were let back.")),
      drops_(CounterFamily(registry, "headwater_mcast_bridge_drops_total",
                           "Packets that were seen and could not cross, by reason.")),
      errors_(CounterFamily(registry, "headwater_mcast_bridge_smcroute_errors_total",
                            "Complaints of smcrouted, by kind.")),
      restarts_(CounterFamily(registry, "headwater_mcast_bridge_smcroute_restarts_total",
                              "How often smcrouted was started after the first time.")),
      rules_(GaugeFamily(registry, "headwater_mcast_bridge_rule_state",
                         "1 for the state that the rule is in.")),
      checks_(GaugeFamily(registry, "headwater_mcast_bridge_checks",
                          "Checks of this machine, by name and state.")),
      owned_(GaugeFamily(registry, "headwater_mcast_bridge_routing_owned",
                         "1 when the kernel's multicast routing of the family is ours.")),
      running_(GaugeFamily(registry, "headwater_mcast_bridge_smcroute_running",
                           "1 while smcrouted runs.")
                   .Add({})),
      routes_(GaugeFamily(registry, "headwater_mcast_bridge_routes",
                          "Entries in the kernel's multicast forwarding cache.")
                  .Add({})),
      readers_(
          GaugeFamily(registry, "headwater_mcast_bridge_watch_readers", "Readers of WatchBridge.")
              .Add({})) {}

void BridgeMetrics::Followers::Set(const Labels& labels, uint64_t total) {
  auto found = entries_.find(labels);
  if (found == entries_.end()) found = entries_.insert({labels, {&family_.Add(labels)}}).first;
  Entry& entry = found->second;
  entry.counter->Increment(static_cast<double>(total >= entry.last ? total - entry.last : total));
  entry.last = total;
}

void BridgeMetrics::UpdateRoutes(const BridgeState& state) {
  std::map<std::tuple<std::string, std::string, std::string>, std::pair<uint64_t, uint64_t>> pairs;
  std::map<std::pair<std::string, std::string>, uint64_t> wrong;
  size_t present = 0;
  for (const auto& [key, totals] : state.routes.routes()) {
    present += totals.present ? 1 : 0;
    // What no rule knows is nobody's group: any host can make such an entry.
    if (key.from.empty() || state.RuleOf(key).empty()) continue;
    std::string group = key.group.ToString();
    if (!groups_.contains(group)) {
      if (groups_.size() < kGroupsShownMax) {
        groups_[group] = true;
      } else {
        group = "other";
      }
    }
    for (const std::string& to : totals.to) {
      auto& [packets, bytes] = pairs[{group, key.from, to}];
      packets += totals.packets;
      bytes += totals.bytes;
    }
    wrong[{group, key.from}] += totals.wrong_interface;
  }
  for (const auto& [key, sums] : pairs) {
    const auto& [group, from, to] = key;
    packets_.Set({{"group", group}, {"from", from}, {"to", to}}, sums.first);
    bytes_.Set({{"group", group}, {"from", from}, {"to", to}}, sums.second);
  }
  for (const auto& [key, packets] : wrong) {
    wrong_interface_.Set({{"group", key.first}, {"from", key.second}}, packets);
  }
  routes_.Set(static_cast<double>(present));
}

void BridgeMetrics::UpdateCounters(const BridgeState& state) {
  using Kind = CounterMeaning::Kind;
  for (const auto& [meaning, packets] : state.counters) {
    const Labels ways = {{"rule", meaning.rule}, {"from", meaning.from}, {"to", meaning.to}};
    switch (meaning.kind) {
      case Kind::kPackets:
        rule_packets_.Set(ways, packets);
        break;
      case Kind::kAnswers:
        answers_.Set(ways, packets);
        break;
      case Kind::kTtl:
        drops_.Set({{"reason", "ttl"}, {"link", meaning.from}}, packets);
        break;
      case Kind::kLinkLocalSource:
        drops_.Set({{"reason", "link_local_source"}, {"link", meaning.from}}, packets);
        break;
    }
  }
}

void BridgeMetrics::Update(const BridgeState& state, size_t readers) {
  UpdateRoutes(state);
  UpdateCounters(state);
  for (const Rule& rule : state.plan.rules) {
    const RuleState now = state.StatusOf(rule).state;
    for (const auto& [one, name] : kRuleStates) {
      rules_.Add({{"rule", rule.options.name}, {"state", name}}).Set(one == now ? 1 : 0);
    }
  }
  std::map<std::pair<std::string, CheckState>, int> checks;
  for (const Check& check : state.checks) {
    for (const auto& [one, name] : kCheckStates) {
      checks[{check.name, one}] += one == check.state ? 1 : 0;
    }
  }
  for (const auto& [key, count] : checks) {
    const auto* state_name =
        std::ranges::find(kCheckStates, key.second, [](const auto& row) { return row.first; });
    checks_.Add({{"check", key.first}, {"state", state_name->second}}).Set(count);
  }
  for (const std::string_view kind : kComplaintKinds) {
    const auto found = state.smcroute.complaints_total.find(std::string(kind));
    errors_.Set({{"kind", std::string(kind)}},
                found == state.smcroute.complaints_total.end() ? 0 : found->second);
  }
  restarts_.Set({}, state.smcroute.restarts);
  owned_.Add({{"family", "ipv4"}}).Set(state.smcroute.ipv4 ? 1 : 0);
  owned_.Add({{"family", "ipv6"}}).Set(state.smcroute.ipv6 ? 1 : 0);
  running_.Set(state.smcroute.running ? 1 : 0);
  readers_.Set(static_cast<double>(readers));
}

}  // namespace headwater::bridge
