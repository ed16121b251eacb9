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

#include "services/dvb-tuner/tuner_shell.h"

namespace headwater::tuner {

// The service's metrics; docs/metrics.md says what each means. The cores count, Update carries
// their numbers over. Labels are closed sets: configured tuners, states, reasons.
class TunerMetrics {
 public:
  TunerMetrics(prometheus::Registry& registry, const Reception& reception);

  void Update(TunerShell& shell, size_t readers);

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
  struct PerTuner {
    std::array<prometheus::Gauge*, 7> states;
    prometheus::Gauge* bytes_per_second;
    prometheus::Gauge* snr;
    prometheus::Gauge* strength;
    prometheus::Gauge* bit_error_rate;
    Follower continuity_errors;
    Follower transport_errors;
    Follower restarts;
    Follower locks_lost;

    void Update(const Tuner& tuner);
  };

  std::vector<PerTuner> tuners_;
  std::array<prometheus::Gauge*, 5> leases_;
  std::map<std::string, Follower> failed_;
  Follower refused_busy_;
  Follower refused_impossible_;
  Follower preempted_;
  Follower bad_sections_;
  prometheus::Gauge* carriers_;
  prometheus::Gauge* services_;
  prometheus::Gauge* scanning_;
  prometheus::Gauge* readers_;
  prometheus::Histogram* start_seconds_;
};

}  // namespace headwater::tuner
