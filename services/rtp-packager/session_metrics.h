#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "services/rtp-packager/packager.h"

namespace headwater::packager {

// A few series for each session, labelled by its channel (Channel::ToString). The first
// kSessionsShownMax sessions have their own, which go when the session does; all beyond share those
// of "other", which are always there. Loop thread only.
class SessionMetrics {
 public:
  static constexpr size_t kSessionsShownMax = 64;

  explicit SessionMetrics(prometheus::Registry& registry);

  // All sessions there are, once a second.
  void Update(const std::vector<SessionStatus>& sessions);

 private:
  static constexpr size_t kCounters = 3;
  static constexpr size_t kGauges = 3;
  struct Row {
    std::array<prometheus::Counter*, kCounters> counters = {};
    std::array<prometheus::Gauge*, kGauges> gauges = {};
  };
  struct Known {
    // Null: in "other".
    prometheus::Counter* own() const { return row.counters[0]; }
    Row row;
    std::array<uint64_t, kCounters> last = {};
  };

  Row AddRow(const std::string& session);
  void RemoveRow(const Row& row);
  void Forget(const std::vector<SessionStatus>& sessions);

  std::array<prometheus::Family<prometheus::Counter>*, kCounters> counters_;
  std::array<prometheus::Family<prometheus::Gauge>*, kGauges> gauges_;
  Row other_;
  // At most the core's sessions_max.
  std::map<Channel, Known> known_;
  size_t shown_ = 0;
};

}  // namespace headwater::packager
