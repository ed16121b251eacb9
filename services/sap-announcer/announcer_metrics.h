#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <string>
#include <vector>

#include "services/common/net/legs.h"
#include "services/sap-announcer/announcer.h"
#include "services/sap-announcer/rtsp_server.h"

namespace headwater {

// What sap-announcer counts; docs/metrics.md says what to do about it. On the loop's
// thread.
class AnnouncerMetrics {
 public:
  explicit AnnouncerMetrics(prometheus::Registry& registry);

  // Takes over what the core has counted since the last time.
  void Update(const Announcer& announcer);
  void Update(const RtspServer& server);
  // Label values are the links of the configuration.
  void SetLegs(const std::vector<Leg>& legs);
  void CountSendError(const std::string& link);

 private:
  prometheus::Gauge& announcements_;
  prometheus::Gauge& endings_;
  prometheus::Counter& bytes_;
  prometheus::Counter& deferred_;
  prometheus::Counter& unfit_;
  prometheus::Counter& orphaned_;
  prometheus::Family<prometheus::Counter>& errors_;
  prometheus::Family<prometheus::Gauge>& legs_;
  std::array<prometheus::Counter*, kSendReasons> sent_ = {};
  prometheus::Gauge& rtsp_connections_;
  prometheus::Counter& rtsp_refused_;
  prometheus::Family<prometheus::Counter>& rtsp_responses_;
  Announcer::Stats seen_;
  RtspServer::Stats rtsp_seen_;
};

}  // namespace headwater
