#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <map>
#include <string>

#include "services/mcast-bridge/bridge_state.h"

namespace headwater::bridge {

// The service's metrics; docs/metrics.md says what each means. Labels are configured names, but for
// groups of a block, of which kGroupsShownMax have a series of their own and the rest is "other".
class BridgeMetrics {
 public:
  explicit BridgeMetrics(prometheus::Registry& registry);
  void Update(const BridgeState& state, size_t readers);

 private:
  static constexpr size_t kGroupsShownMax = 256;
  using Labels = std::map<std::string, std::string>;
  // Counters of a family that follow totals kept elsewhere; a total that is less than before is
  // another one's.
  class Followers {
   public:
    explicit Followers(prometheus::Family<prometheus::Counter>& family) : family_(family) {}
    void Set(const Labels& labels, uint64_t total);

   private:
    struct Entry {
      prometheus::Counter* counter;
      uint64_t last = 0;
    };
    prometheus::Family<prometheus::Counter>& family_;
    std::map<Labels, Entry> entries_;
  };

  void UpdateRoutes(const BridgeState& state);
  void UpdateCounters(const BridgeState& state);

  Followers packets_;
  Followers bytes_;
  Followers wrong_interface_;
  Followers rule_packets_;
  Followers answers_;
  Followers drops_;
  Followers errors_;
  Followers restarts_;
  prometheus::Family<prometheus::Gauge>& rules_;
  prometheus::Family<prometheus::Gauge>& checks_;
  prometheus::Family<prometheus::Gauge>& owned_;
  prometheus::Gauge& running_;
  prometheus::Gauge& routes_;
  prometheus::Gauge& readers_;
  // Those that have a series of their own.
  std::map<std::string, bool> groups_;
};

}  // namespace headwater::bridge
