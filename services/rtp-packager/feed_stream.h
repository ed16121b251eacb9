#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/rtp-packager/feed.h"
#include "services/rtp-packager/feed_inspector.h"
#include "services/rtp-packager/media_stream.h"
#include "services/rtp-packager/options.h"

namespace headwater::packager {

struct FeedStats {
  // Taken.
  uint64_t datagrams_total = 0;
  // From elsewhere than the feed's source, or before that was known.
  uint64_t foreign_total = 0;
  // Anything but whole transport packets.
  uint64_t malformed_total = 0;
  // Packets missing by their continuity counters.
  uint64_t missing_total = 0;
};

// A DVB service as a tuner sends it: a transport stream in UDP. What comes leaves at once, as it
// is, as MP2T (RFC 2250 section 2), at most as many packets a datagram as payload_max holds:
// whoever sends it sends to the clock. Timestamps are the time of arrival since the stream was
// made. It is Ready once PAT, PMT and a packet of a stream that this names have come; nothing is
// kept meanwhile. When nothing but tables has come for silence_after, null packets and the last
// tables go on in its place, until media is back or the silence limit is over. Pure;
// loop thread only.
class FeedStream : public MediaStream {
 public:
  // Between datagrams of silence: tables are due as often (ETSI TR 101 290 asks for 500 ms).
  static constexpr Duration kSilenceInterval = 100ms;

  // Failed from the start when there is no feed.
  FeedStream(const Options& options, StreamConfig config, const StreamEnvironment& environment,
             absl::StatusOr<std::unique_ptr<Feed>> feed);

  void OnFeed(std::span<const FeedDatagram> batch, PayloadSink& sink);

  // Nothing once it has failed.
  std::optional<Endpoint> endpoint() const;
  FeedStats feed_stats() const;

  void Update(const StreamConfig& config) override;
  void Transmit(bool goes_on) override;
  void OnTime(PayloadSink& sink) override;
  MonoTime NextDeadline() const override { return look_at_; }

  StreamState state() const override { return state_; }
  const std::string& error() const override { return error_; }
  std::string_view error_reason() const override { return error_reason_; }
  const std::optional<RtpFormat>& format() const override { return format_; }
  const std::optional<RtpFormat>& source_format() const override { return source_format_; }
  const StreamTexts& texts() const override { return texts_; }
  const std::string& source_url() const override { return source_url_; }
  const StreamTimes& times() const override { return times_; }
  const StreamStats& stats() const override { return stats_; }
  Duration queue_length() const override { return {}; }
  uint64_t revision() const override { return revision_; }

 private:
  void Fire(StreamEvent event);
  void GiveUp(std::string_view reason, std::string text);
  // Whether it is whole packets; looks at each.
  bool Inspect(const FeedDatagram& datagram);
  // What the media of a datagram means for the state; true: it is to be sent.
  bool Advance(MonoTime now, bool media);
  void Send(Bytes packets, MonoTime now, PayloadSink& sink);
  void SendSilence(MonoTime now, PayloadSink& sink);
  // When OnTime is wanted next. Media that comes meanwhile moves it then, not with each datagram.
  MonoTime LookAt() const;
  std::string NothingCame() const;

  const Options& options_;
  StreamConfig config_;
  const StreamEnvironment& environment_;
  const MonoTime opened_at_;
  std::unique_ptr<Feed> feed_;
  FeedInspector inspector_;
  FeedStats feed_stats_;

  StreamState state_ = StreamState::kOpening;
  std::string error_;
  std::string_view error_reason_;
  std::optional<RtpFormat> format_;
  const std::optional<RtpFormat> source_format_;
  StreamTexts texts_;
  const std::string source_url_;
  StreamTimes times_;
  StreamStats stats_;
  uint64_t revision_ = 1;

  bool transmit_ = false;
  MonoTime transmit_at_{};
  MonoTime last_media_;
  MonoTime look_at_ = kNever;
  // The next payload follows a gap.
  bool marked_ = false;
  MonoTime silent_since_{};
  MonoTime silence_at_{};
  std::vector<uint8_t> silence_;
};

}  // namespace headwater::packager
