#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <string>

#include "services/session-manager/actions.h"
#include "services/session-manager/lineup_courier.h"
#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {

// What session-manager counts; docs/metrics.md says what to do about it. On the
// loop's thread.
class ManagerMetrics {
 public:
  explicit ManagerMetrics(prometheus::Registry& registry);

  // Takes over what the core has counted since the last time.
  void Update(const Reconciler& reconciler);
  void Update(const CourierStats& courier);
  void Observe(const Measured& measured);
  void CountCallFailure(const std::string& call);
  // A background check of a station.
  void CountCheck(bool ok) { (ok ? checks_ok_ : checks_failed_).Increment(); }
  void SetConnected(const std::string& service, const std::string& instance, bool connected);

 private:
  void AddLeases(prometheus::Registry& registry);
  void UpdateSenders(const Reconciler& reconciler);
  void Advance(prometheus::Family<prometheus::Counter>& family,
               const std::map<std::string, uint64_t>& counts,
               std::map<std::string, uint64_t>& seen);

  std::array<prometheus::Histogram*, 5> latencies_ = {};
  std::array<prometheus::Gauge*, kStateCount> sessions_ = {};
  std::array<prometheus::Gauge*, kLeaseStateCount> leases_ = {};
  prometheus::Family<prometheus::Counter>& transitions_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Family<prometheus::Counter>& failed_;
  prometheus::Family<prometheus::Counter>& call_failures_;
  prometheus::Family<prometheus::Gauge>& connected_;
  prometheus::Family<prometheus::Gauge>& sender_sessions_;
  prometheus::Family<prometheus::Gauge>& sender_capacity_;
  prometheus::Family<prometheus::Gauge>& sender_drained_;
  prometheus::Family<prometheus::Counter>& moves_;
  prometheus::Gauge& unserved_;
  prometheus::Gauge& doubly_claimed_;
  prometheus::Counter& adopted_;
  prometheus::Counter& untracked_;
  prometheus::Counter& ignored_;
  prometheus::Gauge& waiting_for_tuner_;
  prometheus::Counter& lineups_;
  prometheus::Counter& guides_;
  prometheus::Counter& lineup_dropped_;
  prometheus::Counter& checks_ok_;
  prometheus::Counter& checks_failed_;
  ReconcilerStats seen_;
  CourierStats seen_courier_;
};

}  // namespace headwater::session_manager
