// What is valid in a plan and will surprise all the same.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "services/common/plan/number_plan.h"

namespace headwater {
namespace {

// A run of groups by the part of them that reaches the Ethernet address: the low 23 bits in IPv4
// (RFC 1112 section 6.4).
struct EthernetRun {
  uint32_t first = 0;
  uint32_t last = 0;
  std::string name;
};

EthernetRun RunOf(uint32_t group, int length, std::string name) {
  const uint32_t size = length <= 9 ? 0x007fffff : (uint32_t{1} << (32 - length)) - 1;
  const uint32_t first = group & 0x007fffff & ~size;
  return {first, first + size, std::move(name)};
}

}  // namespace

void NumberPlan::FindWarnings() {
  std::vector<EthernetRun> runs;
  runs.push_back(RunOf(0xe0000000, 24, "224.0.0.0/24 (which switches flood everywhere)"));
  for (const Ipv4Window& window : config_.windows) {
    const uint32_t base = window.groups.base.low32();
    runs.push_back(RunOf(base, window.groups.length, "window " + window.groups.ToString()));
    if (window.groups.length < 9) {
      Warn(fmt::format("window {}: {} groups share each Ethernet address; use /9 or longer",
                       window.groups.ToString(), 1 << (9 - window.groups.length)));
    }
    if (base >> 24 == 232 && (base & 0x00ffff00) == 0) {
      Warn(fmt::format("window {}: 232.0.0.0/24 is reserved (RFC 4607 section 1)",
                       window.groups.ToString()));
    }
  }
  for (const GroupBinding& binding : config_.bindings) {
    const std::string name =
        fmt::format("binding {} = {:#010x}", binding.group.ToString(), binding.number);
    if (PrefixOf(binding.number) == nullptr)
      Warn(name + ": the number is in no prefix of the plan");
    if (binding.group.is_v6()) {
      // The low 32 bits reach the Ethernet address (RFC 2464 section 7), and in every other group
      // of ours they are the number.
      const uint32_t low = binding.group.low32();
      if (low != binding.number && PrefixOf(low) != nullptr) {
        Warn(fmt::format("{} shares its Ethernet address with the group of number {:#010x}", name,
                         low));
      }
      continue;
    }
    const auto window =
        std::find_if(config_.windows.begin(), config_.windows.end(),
                     [&](const Ipv4Window& w) { return w.groups.Contains(binding.group); });
    if (window == config_.windows.end()) {
      runs.push_back(RunOf(binding.group.low32(), 32, name));
    } else {
      Warn(fmt::format("{} takes a group out of window {}", name, window->groups.ToString()));
    }
  }
  std::sort(runs.begin(), runs.end(),
            [](const EthernetRun& a, const EthernetRun& b) { return a.first < b.first; });
  // Each run against the one that reaches farthest among those before it: every run that clashes is
  // named at least once.
  for (size_t i = 1, farthest = 0; i < runs.size(); ++i) {
    if (runs[i].first <= runs[farthest].last) {
      Warn(fmt::format(
          "{} and {} share Ethernet addresses: a switch cannot keep their listeners apart",
          runs[farthest].name, runs[i].name));
    }
    if (runs[i].last > runs[farthest].last) farthest = i;
  }
  for (size_t i = 0; i < config_.windows.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const Ipv4Window& a = config_.windows[j];
      const Ipv4Window& b = config_.windows[i];
      const int length = std::min(a.groups.length, b.groups.length);
      if ((static_cast<uint64_t>(a.number ^ b.number) >> (32 - length)) == 0) {
        Warn(
            fmt::format("windows {} and {} hold the same numbers; the first makes the groups that "
                        "are handed out",
                        a.groups.ToString(), b.groups.ToString()));
      }
    }
  }
}

}  // namespace headwater
