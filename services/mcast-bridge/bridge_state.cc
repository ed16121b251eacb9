#include "services/mcast-bridge/bridge_state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace headwater::bridge {

void SmcrouteState::Complain(const Complaint& complaint, absl::Time now) {
  ++complaints_total[complaint.kind];
  LoggedComplaint logged = {complaint, now};
  const auto before = std::ranges::find(complaints, complaint, &LoggedComplaint::complaint);
  if (before != complaints.end()) {
    logged.count = before->count + 1;
    complaints.erase(before);
  } else if (complaints.size() >= kComplaintsMax) {
    complaints.pop_front();
  }
  complaints.push_back(std::move(logged));
}

RuleStatus BridgeState::StatusOf(const Rule& rule) const {
  std::vector<std::string> missing;
  std::set<std::string> down;
  size_t up = 0;
  for (const Direction& direction : rule.directions) {
    bool both = true;
    for (const std::string& link : {direction.from, direction.to}) {
      if (links_up.contains(link)) continue;
      both = false;
      down.insert(link);
    }
    up += both ? 1 : 0;
  }
  for (const std::string& link : down) missing.push_back(fmt::format("link {} is away", link));
  bool wanted = false, routed = false;
  for (const bool v4 : {true, false}) {
    const bool has = std::ranges::any_of(
        rule.options.groups, [&](const GroupSpec& group) { return group.is_v4() == v4; });
    if (!has) continue;
    wanted = true;
    if (smcroute.running && (v4 ? smcroute.ipv4 : smcroute.ipv6)) {
      routed = true;
    } else {
      missing.push_back(fmt::format("{} multicast routing is not ours", v4 ? "IPv4" : "IPv6"));
    }
  }
  if (missing.empty()) return {RuleState::kActive, ""};
  const bool none = up == 0 || (wanted && !routed);
  return {none ? RuleState::kDown : RuleState::kPartial,
          fmt::format("{}", fmt::join(missing, "; "))};
}

uint64_t BridgeState::Count(const CounterMeaning& meaning) const {
  const auto found = counters.find(meaning);
  return found == counters.end() ? 0 : found->second;
}

std::string BridgeState::RuleOf(const RouteKey& key) const {
  for (const Rule& rule : plan.rules) {
    if (!rule.Covers(key.group, key.source)) continue;
    if (std::ranges::any_of(rule.directions,
                            [&](const Direction& one) { return one.from == key.from; })) {
      return rule.options.name;
    }
  }
  return {};
}

void CounterSums::Update(const std::map<std::string, CounterMeaning>& meanings,
                         const std::map<std::string, CounterValue>& values,
                         std::map<CounterMeaning, uint64_t>& sums) {
  for (const auto& [name, value] : values) {
    const auto meaning = meanings.find(name);
    if (meaning == meanings.end()) continue;
    uint64_t& last = last_[name];
    // Less than before: somebody has reset it.
    sums[meaning->second] += value.packets >= last ? value.packets - last : value.packets;
    last = value.packets;
  }
}

}  // namespace headwater::bridge
