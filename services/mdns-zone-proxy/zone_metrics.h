#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "services/mdns-zone-proxy/zone_proxy_shell.h"

namespace headwater::zone {

// The service's metrics; docs/metrics.md says what each means. The core counts, Update carries its
// numbers over. Labels are closed sets: configured zones and rules (at most 256), states, reasons.
class ZoneMetrics {
 public:
  ZoneMetrics(prometheus::Registry& registry, const ZoneProxyShell& proxy);

  void Update(ZoneProxyShell& proxy, size_t readers);

 private:
  // A counter that follows a total kept elsewhere.
  class Follower {
   public:
    explicit Follower(prometheus::Counter& counter) : counter_(&counter) {}
    void Set(uint64_t total) {
      if (total > last_) counter_->Increment(static_cast<double>(total - last_));
      last_ = total;
    }

   private:
    prometheus::Counter* counter_;
    uint64_t last_ = 0;
  };
  struct PerZone {
    std::array<prometheus::Gauge*, kZoneStates> states;
    prometheus::Gauge* services;
    prometheus::Gauge* lookups;
    std::vector<Follower> dropped;
    Follower restarts, lookup_failures, published, withdrawn, publish_failures, collisions;
  };
  struct PerRule {
    prometheus::Gauge* matched;
    prometheus::Gauge* mirrored;
    prometheus::Gauge* elements;
    prometheus::Counter* published_counter;
    Follower published;
  };
  struct RuleFamilies {
    explicit RuleFamilies(prometheus::Registry& registry);
    prometheus::Family<prometheus::Gauge>&matched, &mirrored, &elements;
    prometheus::Family<prometheus::Counter>& published;
  };

  void UpdateZone(const ZoneProxyShell& proxy, size_t zone);
  void UpdateRules(const ZoneProxyShell& proxy);

  std::vector<PerZone> zones_;
  RuleFamilies rule_families_;
  std::map<std::string, PerRule> rules_;
  std::array<prometheus::Gauge*, kWaitingCount> waiting_;
  Follower firewall_failures_;
  prometheus::Gauge* readers_;
  prometheus::Histogram* delay_seconds_;
};

}  // namespace headwater::zone
