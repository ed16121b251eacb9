#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/mcast-monitor/monitor_shell.h"

namespace headwater::monitor {

// The service's metrics; docs/metrics.md says what each means. Labels are closed sets: protocols,
// kinds, facilities, severities, reasons, configured links and targets; never what a sender says.
class MonitorMetrics {
 public:
  MonitorMetrics(prometheus::Registry& registry, const MonitorShell& shell);

  void Update(MonitorShell& shell, size_t readers);

 private:
  // A counter that follows a total kept elsewhere.
  class Follower {
   public:
    explicit Follower(prometheus::Counter& counter) : counter_(&counter) {}
    void Set(uint64_t total) {
      counter_->Increment(static_cast<double>(total - last_));
      last_ = total;
    }

   private:
    prometheus::Counter* counter_;
    uint64_t last_ = 0;
  };
  struct PerProtocol {
    Follower received, foreign, lost;
    prometheus::Gauge *joined, *not_joined;
  };
  struct PerHandover {
    prometheus::Gauge *up, *queued;
    Follower forwarded, resent, dropped, lost;
  };

  void UpdateEvents(const EventLog::Counts& counts);
  void UpdateClock(const NtpShell* ntp);

  std::vector<PerProtocol> protocols_;
  std::vector<PerHandover> handovers_;
  prometheus::Family<prometheus::Counter>& events_;
  // By place in EventLog::Counts; made when there is one to count.
  std::map<size_t, Follower> event_counters_;
  std::vector<Follower> ntp_requests_;
  std::vector<Follower> snmp_refused_;
  Follower repeated_, acknowledged_, store_dropped_;
  prometheus::Gauge *synchronised_, *stratum_, *dispersion_;
  prometheus::Gauge *store_events_, *store_bytes_, *store_queued_, *readers_;
};

}  // namespace headwater::monitor
