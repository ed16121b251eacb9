#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>

#include "services/rtp-packager/multicast_sender.h"
#include "services/rtp-packager/packager.h"
#include "services/rtp-packager/session_metrics.h"
#include "services/rtp-packager/source/http/http_source.h"
#include "services/rtp-packager/transcode/transcoder_pool.h"

namespace headwater::packager {

// Datagrams that the kernel has thrown away.
struct KernelDrops {
  uint64_t rtcp = 0;
  uint64_t feeds = 0;
};

// What /metrics says; docs/metrics.md explains each. Families are resolved at
// construction; cores keep plain counts, which Update copies. Loop thread only.
class PackagerMetrics {
 public:
  explicit PackagerMetrics(prometheus::Registry& registry);

  // Once a second.
  void Update(const Packager& core, const MulticastSender::Stats& sender,
              const KernelDrops& dropped);
  void Update(const TranscoderPoolStats& transcoders);
  void Update(const HttpSourceStats& sources);
  // A session's source has been requested; its first RTP has left: since it was applied.
  void OnRequested(Duration since_applied);
  void OnFirstRtp(Duration since_applied);

 private:
  void AddTranscodes(prometheus::Registry& registry);
  void AddSources(prometheus::Registry& registry);
  void AddFeeds(prometheus::Registry& registry);

  static constexpr size_t kStates = 5;
  static constexpr size_t kChangeReasons = 3;

  SessionMetrics by_session_;
  std::array<prometheus::Gauge*, kStates> sessions_;
  prometheus::Gauge* streams_;
  prometheus::Gauge* queue_seconds_max_;
  std::array<std::array<prometheus::Gauge*, kTranscodeReasons>, kSourceCodecs> transcodes_;
  std::array<std::array<prometheus::Counter*, kTranscodeReasons>, kSourceCodecs> transcodes_ended_;
  prometheus::Counter* transcodes_refused_;
  prometheus::Counter* transcodes_failed_;
  prometheus::Counter* transcode_cpu_;
  prometheus::Counter* hls_segments_;
  prometheus::Counter* hls_missed_;
  prometheus::Counter* hls_playlists_;
  prometheus::Counter* hls_discontinuities_;
  prometheus::Counter* hls_resets_;
  std::array<prometheus::Counter*, kChangeReasons> hls_changes_;
  std::array<prometheus::Counter*, kStatusResults> status_requests_;
  prometheus::Counter* packets_;
  prometheus::Counter* octets_;
  prometheus::Counter* datagrams_;
  prometheus::Counter* send_errors_;
  prometheus::Counter* reopens_;
  prometheus::Counter* silences_;
  prometheus::Counter* underruns_;
  prometheus::Counter* reports_;
  prometheus::Counter* forged_;
  prometheus::Counter* malformed_;
  prometheus::Counter* dropped_;
  prometheus::Counter* collisions_;
  prometheus::Counter* loops_;
  prometheus::Counter* epoch_refused_;
  prometheus::Counter* feed_datagrams_;
  prometheus::Counter* feed_foreign_;
  prometheus::Counter* feed_malformed_;
  prometheus::Counter* feed_overrun_;
  prometheus::Counter* feed_missing_;
  prometheus::Histogram* apply_to_request_;
  prometheus::Histogram* apply_to_first_rtp_;
};

}  // namespace headwater::packager
