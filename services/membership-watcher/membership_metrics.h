#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/membership-watcher/membership_shell.h"

namespace headwater::membership {

// The service's metrics; docs/metrics.md says what each means. The cores count
// for themselves, Update carries their numbers over. On the loop's thread. Labels are closed sets:
// configured links, versions, reasons.
class MembershipMetrics {
 public:
  MembershipMetrics(prometheus::Registry& registry, const MembershipShell& shell);

  void Update(const MembershipShell& shell, size_t readers, MonoTime now);

 private:
  // A counter that follows a total kept elsewhere.
  class Follower {
   public:
    Follower() = default;
    explicit Follower(prometheus::Counter& counter) : counter_(&counter) {}
    void Set(uint64_t total) {
      counter_->Increment(static_cast<double>(total - last_));
      last_ = total;
    }

   private:
    prometheus::Counter* counter_ = nullptr;
    uint64_t last_ = 0;
  };
  struct Families;
  struct PerLink {
    PerLink(Families& families, const std::string& link);
    void Update(const WatchedLink& link, MonoTime now);

    std::array<Follower, kVersionCount> reports;
    std::array<Follower, kVersionCount> queries_heard;
    std::array<Follower, kDropReasonCount> dropped;
    std::array<Follower, kIgnoreReasonCount> ignored;
    Follower general_queries;
    Follower specific_queries;
    Follower advertisements;
    Follower send_failures;
    Follower joins;
    Follower leaves;
    std::array<prometheus::Gauge*, 3> sync;
    std::array<prometheus::Gauge*, 2> querier;
    std::array<prometheus::Gauge*, 2> foreign_querier;
    std::array<prometheus::Gauge*, kAlarmCount> alarms;
    prometheus::Gauge* groups;
    prometheus::Gauge* entries;
  };

  std::vector<std::unique_ptr<PerLink>> links_;
  Follower frames_dropped_;
  Follower frames_lost_;
  prometheus::Gauge* readers_;
};

}  // namespace headwater::membership
