#include "services/rtp-packager/packager_metrics.h"

#include <absl/strings/ascii.h>

#include <chrono>
#include <string>

namespace headwater::packager {
namespace {

prometheus::Counter* AddCounter(prometheus::Registry& registry, const std::string& name,
                                const std::string& help) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge* AddGauge(prometheus::Registry& registry, const std::string& name,
                            const std::string& help) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram* AddHistogram(prometheus::Registry& registry, const std::string& name,
                                    const std::string& help) {
  return &prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(
      {}, prometheus::Histogram::BucketBoundaries{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                  0.25, 0.5, 1, 2.5, 5, 10, 30});
}

// Cores count from 0 as counters do; what is new is added.
void Follow(prometheus::Counter* counter, uint64_t total) {
  counter->Increment(static_cast<double>(total) - counter->Value());
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

PackagerMetrics::PackagerMetrics(prometheus::Registry& registry) : by_session_(registry) {
  auto& sessions = prometheus::BuildGauge()
                       .Name("headwater_rtp_packager_sessions")
                       .Help("Sessions by state.")
                       .Register(registry);
  for (size_t i = 0; i < kStates; ++i) {
    const auto state = static_cast<StreamState>(i);
    sessions_[i] =
        &sessions.Add({{"state", absl::AsciiStrToLower(std::string(StreamStateName(state)))}});
  }
  streams_ = AddGauge(registry, "headwater_rtp_packager_streams", "Opened sources.");
  queue_seconds_max_ = AddGauge(registry, "headwater_rtp_packager_queue_seconds_max",
                                "Media held in the deepest queue of all streams.");
  AddTranscodes(registry);
  AddSources(registry);
  packets_ = AddCounter(registry, "headwater_rtp_packager_packets_total",
                        "RTP packets, once for each session.");
  octets_ = AddCounter(registry, "headwater_rtp_packager_octets_total",
                       "RTP payload octets, once for each session.");
  datagrams_ = AddCounter(registry, "headwater_rtp_packager_datagrams_total",
                          "Datagrams sent, RTP and RTCP, each leg.");
  send_errors_ = AddCounter(registry, "headwater_rtp_packager_send_errors_total",
                            "Datagrams that the kernel refused.");
  reopens_ = AddCounter(registry, "headwater_rtp_packager_source_reopens_total",
                        "Attempts to open a source again.");
  silences_ = AddCounter(registry, "headwater_rtp_packager_silences_total",
                         "Times that silence replaced a source.");
  underruns_ = AddCounter(registry, "headwater_rtp_packager_underruns_total",
                          "Times that media came too late.");
  reports_ = AddCounter(registry, "headwater_rtp_packager_rtcp_reports_total", "Receiver reports.");
  forged_ = AddCounter(registry, "headwater_rtp_packager_rtcp_forged_total",
                       "RTCP that named our SSRC as its sender.");
  malformed_ = AddCounter(registry, "headwater_rtp_packager_rtcp_malformed_total",
                          "RTCP that could not be read.");
  dropped_ = AddCounter(registry, "headwater_rtp_packager_rtcp_dropped_total",
                        "RTCP datagrams dropped unread.");
  collisions_ = AddCounter(registry, "headwater_rtp_packager_ssrc_collisions_total",
                           "Foreign senders with our SSRC.");
  loops_ = AddCounter(registry, "headwater_rtp_packager_loops_total",
                      "Own RTP or reports that came back.");
  epoch_refused_ = AddCounter(registry, "headwater_rtp_packager_epoch_refused_total",
                              "Calls with a lower epoch.");
  AddFeeds(registry);
  apply_to_request_ = AddHistogram(registry, "headwater_rtp_packager_apply_to_request_seconds",
                                   "From a new session's ApplySession to its source's request.");
  apply_to_first_rtp_ = AddHistogram(registry, "headwater_rtp_packager_apply_to_first_rtp_seconds",
                                     "From a new session's ApplySession to its first RTP.");
}

void PackagerMetrics::AddFeeds(prometheus::Registry& registry) {
  feed_datagrams_ = AddCounter(registry, "headwater_rtp_packager_feed_datagrams_total",
                               "Datagrams of feeds that were taken.");
  auto& dropped = prometheus::BuildCounter()
                      .Name("headwater_rtp_packager_feed_dropped_total")
                      .Help("Datagrams of feeds that were not.")
                      .Register(registry);
  feed_foreign_ = &dropped.Add({{"reason", "source"}});
  feed_malformed_ = &dropped.Add({{"reason", "malformed"}});
  feed_overrun_ = &dropped.Add({{"reason", "overrun"}});
  feed_missing_ = AddCounter(registry, "headwater_rtp_packager_feed_continuity_errors_total",
                             "Transport packets missing in feeds.");
}

void PackagerMetrics::AddTranscodes(prometheus::Registry& registry) {
  auto& running = prometheus::BuildGauge()
                      .Name("headwater_rtp_packager_transcodes")
                      .Help("Streams being transcoded, by their own codec and why.")
                      .Register(registry);
  auto& ended = prometheus::BuildCounter()
                    .Name("headwater_rtp_packager_transcodes_ended_total")
                    .Help("Streams that were transcoded.")
                    .Register(registry);
  for (size_t codec = 0; codec < kSourceCodecs; ++codec) {
    for (size_t reason = 0; reason < kTranscodeReasons; ++reason) {
      const prometheus::Labels labels = {
          {"codec", std::string(SourceCodecName(static_cast<SourceCodec>(codec)))},
          {"reason", std::string(TranscodeReasonName(static_cast<TranscodeReason>(reason)))}};
      transcodes_[codec][reason] = &running.Add(labels);
      transcodes_ended_[codec][reason] = &ended.Add(labels);
    }
  }
  transcodes_refused_ = AddCounter(registry, "headwater_rtp_packager_transcodes_refused_total",
                                   "Streams that were one too many to be transcoded.");
  transcodes_failed_ = AddCounter(registry, "headwater_rtp_packager_transcodes_failed_total",
                                  "Streams that could not be transcoded.");
  transcode_cpu_ = AddCounter(registry, "headwater_rtp_packager_transcode_cpu_seconds_total",
                              "CPU time of ended transcodes' threads.");
}

void PackagerMetrics::AddSources(prometheus::Registry& registry) {
  hls_segments_ = AddCounter(registry, "headwater_rtp_packager_hls_segments_total",
                             "HLS segments that came whole.");
  hls_missed_ = AddCounter(registry, "headwater_rtp_packager_hls_segments_missed_total",
                           "HLS segments left out.");
  hls_playlists_ = AddCounter(registry, "headwater_rtp_packager_hls_playlists_total",
                              "HLS lists of segments read.");
  hls_discontinuities_ = AddCounter(registry, "headwater_rtp_packager_hls_discontinuities_total",
                                    "Segments of another encoder or other parameters.");
  hls_resets_ = AddCounter(registry, "headwater_rtp_packager_hls_resets_total",
                           "Times that a server numbered its segments anew.");
  auto& changes = prometheus::BuildCounter()
                      .Name("headwater_rtp_packager_hls_variant_changes_total")
                      .Help("Changes to another variant of a station.")
                      .Register(registry);
  constexpr std::array<const char*, kChangeReasons> kReasons = {"failed", "slow", "fast"};
  for (size_t i = 0; i < kChangeReasons; ++i) {
    hls_changes_[i] = &changes.Add({{"reason", kReasons[i]}});
  }
  auto& requests = prometheus::BuildCounter()
                       .Name("headwater_rtp_packager_status_requests_total")
                       .Help("Status pages asked for because a stream told no title.")
                       .Register(registry);
  constexpr std::array<const char*, kStatusResults> kResults = {"title", "no_title", "failed"};
  for (size_t i = 0; i < kStatusResults; ++i) {
    status_requests_[i] = &requests.Add({{"result", kResults[i]}});
  }
}

void PackagerMetrics::Update(const HttpSourceStats& sources) {
  Follow(hls_segments_, sources.hls.segments);
  Follow(hls_missed_, sources.hls.missed_segments);
  Follow(hls_playlists_, sources.hls.playlists);
  Follow(hls_discontinuities_, sources.hls.discontinuities);
  Follow(hls_resets_, sources.hls.resets);
  const std::array<uint64_t, kChangeReasons> changes = {
      sources.hls.changes_failed, sources.hls.changes_slow, sources.hls.changes_fast};
  for (size_t i = 0; i < kChangeReasons; ++i) Follow(hls_changes_[i], changes[i]);
  for (size_t i = 0; i < kStatusResults; ++i) Follow(status_requests_[i], sources.status[i]);
}

void PackagerMetrics::Update(const TranscoderPoolStats& transcoders) {
  for (size_t codec = 0; codec < kSourceCodecs; ++codec) {
    for (size_t reason = 0; reason < kTranscodeReasons; ++reason) {
      transcodes_[codec][reason]->Set(static_cast<double>(transcoders.running[codec][reason]));
      Follow(transcodes_ended_[codec][reason], transcoders.ended_total[codec][reason]);
    }
  }
  Follow(transcodes_refused_, transcoders.refused_total);
  Follow(transcodes_failed_, transcoders.failed_total);
  transcode_cpu_->Increment(Seconds(transcoders.cpu_time) - transcode_cpu_->Value());
}

void PackagerMetrics::Update(const Packager& core, const MulticastSender::Stats& sender,
                             const KernelDrops& dropped) {
  std::array<int, kStates> states = {};
  std::vector<SessionStatus> all;
  for (const Channel& channel : core.Channels()) {
    all.push_back(*core.Status(channel));
    ++states[static_cast<size_t>(all.back().state)];
  }
  by_session_.Update(all);
  for (size_t i = 0; i < kStates; ++i) sessions_[i]->Set(states[i]);
  streams_->Set(static_cast<double>(core.streams()));
  queue_seconds_max_->Set(Seconds(core.queue_max()));
  const PackagerStats stats = core.Stats();
  Follow(packets_, stats.packets_total);
  Follow(octets_, stats.octets_total);
  Follow(datagrams_, sender.datagrams);
  Follow(send_errors_, sender.errors + sender.no_address);
  Follow(reopens_, stats.reopens_total);
  Follow(silences_, stats.silences_total);
  Follow(underruns_, stats.underruns_total);
  Follow(reports_, stats.reports_total);
  Follow(forged_, stats.forged_total);
  Follow(malformed_, stats.malformed_total);
  Follow(dropped_, dropped.rtcp);
  Follow(collisions_, stats.collisions_total);
  Follow(loops_, stats.loops_total);
  Follow(epoch_refused_, stats.epoch_refused_total);
  Follow(feed_datagrams_, stats.feeds.datagrams_total);
  Follow(feed_foreign_, stats.feeds.foreign_total);
  Follow(feed_malformed_, stats.feeds.malformed_total);
  Follow(feed_overrun_, dropped.feeds);
  Follow(feed_missing_, stats.feeds.missing_total);
}

void PackagerMetrics::OnRequested(Duration since_applied) {
  apply_to_request_->Observe(Seconds(since_applied));
}

void PackagerMetrics::OnFirstRtp(Duration since_applied) {
  apply_to_first_rtp_->Observe(Seconds(since_applied));
}

}  // namespace headwater::packager
