#include "services/rtp-packager/feed_stream.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

namespace headwater::packager {
namespace {

constexpr uint32_t kClockRate = 90'000;

// The same of every feed: nothing of it is described but the wrapping (RFC 2250 section 2).
RtpFormat TransportStreamFormat() {
  return {.encoding = "MP2T",
          .payload_type = 33,
          .clock_rate = kClockRate,
          .channels = 0,
          .fmtp = {},
          .bits_per_second = 0,
          .description = "MPEG transport stream"};
}

uint32_t Ticks(Duration position) {
  return static_cast<uint32_t>(position / 1us * kClockRate / 1'000'000);
}

void AppendNull(std::vector<uint8_t>& out) {
  // ISO 13818-1 section 2.4.1: the counter of PID 0x1fff is undefined.
  mpegts::Packet packet = {.pid = mpegts::Pid::kNull, .has_payload = true};
  static constexpr std::array<uint8_t, mpegts::kPacketSize - 4> kNothing = [] {
    std::array<uint8_t, mpegts::kPacketSize - 4> bytes = {};
    bytes.fill(0xff);
    return bytes;
  }();
  packet.payload = kNothing;
  packet.SerializeTo(out);
}

}  // namespace

FeedStream::FeedStream(const Options& options, StreamConfig config,
                       const StreamEnvironment& environment,
                       absl::StatusOr<std::unique_ptr<Feed>> feed)
    : options_(options),
      config_(std::move(config)),
      environment_(environment),
      opened_at_(environment.now().mono),
      last_media_(opened_at_) {
  texts_.name = config_.title;
  format_ = TransportStreamFormat();
  times_.format_known = opened_at_;
  if (!feed.ok()) {
    GiveUp("feed", std::string(feed.status().message()));
  } else if (config_.announced && !config_.announced->SameAnnouncement(*format_)) {
    GiveUp("codec", absl::StrCat("a transport stream cannot become what was announced: ",
                                 config_.announced->description));
  } else {
    feed_ = *std::move(feed);
    look_at_ = LookAt();
  }
}

std::optional<Endpoint> FeedStream::endpoint() const {
  if (!feed_) return std::nullopt;
  return feed_->endpoint();
}

FeedStats FeedStream::feed_stats() const {
  FeedStats stats = feed_stats_;
  stats.missing_total = inspector_.missing_total();
  return stats;
}

void FeedStream::Update(const StreamConfig& config) {
  config_.silence_limit = config.silence_limit;
  if (config.feed_source) config_.feed_source = config.feed_source;
  look_at_ = std::min(look_at_, LookAt());
}

void FeedStream::Transmit(bool /*goes_on*/) {
  if (transmit_) return;
  transmit_ = true;
  transmit_at_ = environment_.now().mono;
}

void FeedStream::Fire(StreamEvent event) {
  const std::optional<StreamState> next = NextState(state_, event);
  if (!next) return;
  state_ = *next;
  if (event == StreamEvent::kSourceGone) ++stats_.silences_total;
  if (state_ == StreamState::kReady || state_ == StreamState::kSending) {
    error_.clear();
    error_reason_ = {};
  }
  ++revision_;
  look_at_ = LookAt();
  environment_.wake();
}

void FeedStream::GiveUp(std::string_view reason, std::string text) {
  error_reason_ = reason;
  error_ = std::move(text);
  feed_.reset();
  Fire(StreamEvent::kGivenUp);
}

bool FeedStream::Inspect(const FeedDatagram& datagram) {
  const Bytes bytes = datagram.bytes;
  if (datagram.truncated || bytes.empty() || bytes.size() % mpegts::kPacketSize != 0) return false;
  for (size_t at = 0; at < bytes.size(); at += mpegts::kPacketSize) {
    if (bytes[at] != mpegts::kSync) return false;
  }
  for (size_t at = 0; at < bytes.size(); at += mpegts::kPacketSize) {
    inspector_.OnPacket(bytes.subspan(at, mpegts::kPacketSize));
  }
  return true;
}

void FeedStream::OnFeed(std::span<const FeedDatagram> batch, PayloadSink& sink) {
  if (state_ == StreamState::kFailed) return;
  const MonoTime now = environment_.now().mono;
  for (const FeedDatagram& datagram : batch) {
    if (datagram.from != config_.feed_source) {
      ++feed_stats_.foreign_total;
      continue;
    }
    // The counters of before the silence are no measure any more, ours of it least of all.
    if (state_ == StreamState::kSilent) inspector_.ForgetContinuity();
    if (!Inspect(datagram)) {
      ++feed_stats_.malformed_total;
      continue;
    }
    ++feed_stats_.datagrams_total;
    if (!times_.source_answered) times_.source_answered = now;
    const bool any = inspector_.TakeAny();
    const bool media = inspector_.TakeMedia() || (config_.bare_pids && any);
    if (Advance(now, media)) Send(datagram.bytes, now, sink);
  }
}

bool FeedStream::Advance(MonoTime now, bool media) {
  if (media) last_media_ = now;
  switch (state_) {
    case StreamState::kOpening:
      if (!media || !(config_.bare_pids || inspector_.has_tables())) return false;
      Fire(StreamEvent::kFormatKnown);
      [[fallthrough]];
    case StreamState::kReady:
      if (!transmit_ || now < transmit_at_ + options_.startup_delay) return false;
      Fire(StreamEvent::kTransmit);
      return true;
    case StreamState::kSilent:
      if (!media) return false;
      marked_ = true;
      Fire(StreamEvent::kMediaBack);
      return true;
    case StreamState::kSending:
      return true;
    case StreamState::kFailed:
      break;
  }
  return false;
}

void FeedStream::Send(Bytes packets, MonoTime now, PayloadSink& sink) {
  const size_t room = std::max<size_t>(1, options_.payload_max / mpegts::kPacketSize);
  const Duration position = now - opened_at_;
  while (!packets.empty()) {
    const size_t size = std::min(packets.size(), room * mpegts::kPacketSize);
    sink.OnPayload(RtpPayload{.bytes = packets.first(size),
                              .marker = std::exchange(marked_, false),
                              .time = {RtpTimestamp(Ticks(position)), position},
                              .length = {}},
                   now);
    packets = packets.subspan(size);
  }
}

void FeedStream::SendSilence(MonoTime now, PayloadSink& sink) {
  const size_t room = std::max<size_t>(1, options_.payload_max / mpegts::kPacketSize);
  silence_.clear();
  inspector_.AppendTables(silence_);
  do {
    AppendNull(silence_);
  } while (silence_.size() % (room * mpegts::kPacketSize) != 0);
  Send(silence_, now, sink);
}

void FeedStream::OnTime(PayloadSink& sink) {
  const MonoTime now = environment_.now().mono;
  if (now < look_at_) return;
  switch (state_) {
    case StreamState::kOpening:
      if (now >= opened_at_ + options_.opening_limit) GiveUp("silence", NothingCame());
      break;
    case StreamState::kReady:
      if (now >= last_media_ + config_.silence_limit) {
        GiveUp("silence", "nothing came from the tuner until the silence limit");
      }
      break;
    case StreamState::kSending:
      if (now < last_media_ + options_.silence_after) break;
      error_reason_ = "silence";
      error_ = "nothing comes from the tuner";
      silent_since_ = now;
      silence_at_ = now;
      Fire(StreamEvent::kSourceGone);
      [[fallthrough]];
    case StreamState::kSilent:
      if (now >= silent_since_ + config_.silence_limit) {
        GiveUp("silence", "nothing came from the tuner until the silence limit");
        break;
      }
      if (now < silence_at_) break;
      SendSilence(now, sink);
      silence_at_ = now + kSilenceInterval;
      break;
    case StreamState::kFailed:
      break;
  }
  look_at_ = LookAt();
}

MonoTime FeedStream::LookAt() const {
  switch (state_) {
    case StreamState::kOpening:
      return opened_at_ + options_.opening_limit;
    case StreamState::kReady:
      return last_media_ + config_.silence_limit;
    case StreamState::kSending:
      return last_media_ + options_.silence_after;
    case StreamState::kSilent:
      return std::min(silence_at_, silent_since_ + config_.silence_limit);
    case StreamState::kFailed:
      break;
  }
  return kNever;
}

std::string FeedStream::NothingCame() const {
  std::string text = "no transport stream with its tables came in time";
  if (feed_stats_.foreign_total > 0) {
    absl::StrAppend(&text, "; ", feed_stats_.foreign_total, " datagrams came from elsewhere");
  }
  if (feed_stats_.malformed_total > 0) {
    absl::StrAppend(&text, "; ", feed_stats_.malformed_total, " datagrams were no such packets");
  }
  return text;
}

}  // namespace headwater::packager
