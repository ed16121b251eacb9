#include "services/rtp-packager/session.h"

#include <algorithm>
#include <random>
#include <utility>
#include <variant>

#include "services/common/base/check.h"
#include "services/common/base/fault.h"
#include "services/rtp-packager/rtp/rtp_packet.h"

namespace headwater::packager {
namespace {

// For a format that does not tell.
constexpr uint32_t kBitsPerSecondUnknown = 128000;
// RTP, UDP and IPv6 headers of some twelve packets a second: what RFC 3550 section 6.2 counts as
// session bandwidth.
constexpr uint32_t kHeaderBitsPerSecond = 12 * (12 + 8 + 40) * 8;

constexpr uint8_t kMpaPayloadType = 14;
constexpr uint8_t kMp2tPayloadType = 33;

// What was sent longer ago is out of every listener's mind.
constexpr absl::Duration kPauseMax = absl::Hours(1);
// Nobody sends further ahead; what is told so was told by another clock.
constexpr absl::Duration kLeadMax = absl::Seconds(10);

}  // namespace

Session::Session(const Options& options, const SessionConfig& config)
    : options_(options), config_(config) {
  std::mt19937_64 random(config.seed);
  // Away from the wrap, as many senders do: some receivers lose count when it comes within the
  // first packets.
  sequence_ =
      config.first_sequence.value_or(SequenceNumber(static_cast<uint16_t>(random() & 0x7fff)));
  timestamp_start_ = static_cast<uint32_t>(random());
}

void Session::SetFormat(const RtpFormat& format) {
  if (rtcp_) return;
  payload_type_ = format.payload_type;
  clock_rate_ = format.clock_rate;
  const uint32_t bits = format.bits_per_second > 0 ? format.bits_per_second : kBitsPerSecondUnknown;
  rtcp_.emplace(RtcpSessionOptions{.ssrc = config_.ssrc,
                                   .cname = config_.cname,
                                   .clock_rate = format.clock_rate,
                                   .session_bits_per_second = bits + kHeaderBitsPerSecond,
                                   .bye_gap = options_.bye_gap},
                config_.seed ^ 0x9e3779b97f4a7c15);
}

void Session::Transmit(MonoTime now, Duration delay) {
  if (transmit_) return;
  transmit_ = true;
  send_from_ = now + delay;
}

void Session::GoOnFrom(SequenceNumber sequence, const SentTimestamp& sent_before) {
  if (packets_ > 0) return;
  sequence_ = sequence;
  config_.sent_before = sent_before;
}

std::optional<SentTimestamp> Session::next_sent() const {
  if (!last_sent_) return std::nullopt;
  const int64_t step = std::max<int64_t>(last_step_, 0);
  return SentTimestamp{
      last_sent_->timestamp + step,
      last_sent_->sent + absl::FromChrono(last_ahead_) + absl::Seconds(step) / clock_rate_};
}

// As if the sender before had gone on without a word: listeners keep the time of what they play.
void Session::GoOn(RtpTimestamp first, MonoTime due, const ClockPair& now) {
  const absl::Duration since = now.wall - config_.sent_before->sent;
  const absl::Duration pause = std::clamp(since, absl::ZeroDuration(), kPauseMax);
  if (since < absl::ZeroDuration() && since > -kLeadMax) {
    lead_ = absl::ToChronoNanoseconds(-since) - (due - now.mono);
  }
  const int64_t ticks = absl::ToInt64Microseconds(pause) * clock_rate_ / 1'000'000;
  timestamp_start_ = (config_.sent_before->timestamp + ticks).value() - first.value();
}

void Session::OnPayload(const RtpPayload& payload, MonoTime due, const ClockPair& now,
                        uint32_t payload_offset, Outbox& out) {
  HW_CHECK(rtcp_);
  if (packets_ == 0 && config_.sent_before) GoOn(payload.time.timestamp, due, now);
  due += lead_;
  last_ahead_ = due - now.mono;
  // A session that joins a running stream begins with a discontinuity of its own; MPA and MP2T
  // mark one (RFC 2250 sections 3.3 and 2).
  const bool begins =
      packets_ == 0 && (payload_type_ == kMpaPayloadType || payload_type_ == kMp2tPayloadType);
  const RtpHeader header = {
      .marker = payload.marker || begins,
      .payload_type = FaultInjected("format") && packets_ > 5 ? uint8_t{96} : payload_type_,
      .sequence = sequence_,
      .timestamp = payload.time.timestamp + timestamp_start_,
      .ssrc = rtcp_->ssrc()};
  sequence_ = sequence_.Next();
  OutDatagram datagram = {.payload_offset = payload_offset,
                          .payload_size = static_cast<uint32_t>(payload.bytes.size())};
  datagram.header_offset = static_cast<uint32_t>(out.buffer().size());
  header.SerializeTo(out.buffer());
  datagram.header_size = RtpHeader::kSize;
  AddDatagrams(datagram, out);
  ++packets_;
  octets_ += payload.bytes.size();
  if (!first_rtp_) first_rtp_ = now.mono;
  if (last_sent_) last_step_ = header.timestamp.DistanceFrom(last_sent_->timestamp);
  last_sent_ = {header.timestamp, now.wall};
  actions_.clear();
  rtcp_->OnRtpSent(header.timestamp, payload.bytes.size(), due, now, actions_);
  Perform(actions_, out);
}

void Session::OnRtcp(Bytes bytes, const IpAddress& from, RtcpOrigin origin, const ClockPair& now,
                     Outbox& out) {
  if (!rtcp_ || closed_) return;
  actions_.clear();
  rtcp_->OnDatagram(bytes, from, origin, now, actions_);
  Perform(actions_, out);
}

void Session::OnOwnRtp(RtcpOrigin origin, const ClockPair& now, Outbox& out) {
  if (!rtcp_ || closed_) return;
  actions_.clear();
  rtcp_->OnOwnRtp(origin, now, actions_);
  Perform(actions_, out);
}

void Session::OnTime(const ClockPair& now, Outbox& out) {
  if (!rtcp_ || closed_ || rtcp_->NextDeadline() > now.mono) return;
  actions_.clear();
  rtcp_->OnTime(now, actions_);
  Perform(actions_, out);
}

MonoTime Session::NextDeadline() const {
  return rtcp_ && !closed_ ? rtcp_->NextDeadline() : kNever;
}

void Session::Close(const ClockPair& now, Outbox& out) {
  if (closing_) return;
  closing_ = true;
  if (!rtcp_ || FaultInjected("bye")) {
    closed_ = true;
    return;
  }
  actions_.clear();
  rtcp_->Close(now, actions_);
  Perform(actions_, out);
}

void Session::Perform(const RtcpActions& actions, Outbox& out) {
  for (const RtcpAction& action : actions) {
    if (const auto* send = std::get_if<SendRtcp>(&action)) {
      OutDatagram datagram = {.rtcp = true};
      datagram.header_size = static_cast<uint32_t>(send->bytes.size());
      datagram.header_offset = out.Append(send->bytes);
      AddDatagrams(datagram, out);
    } else if (std::holds_alternative<RtcpClosed>(action)) {
      closed_ = true;
    }
    // SsrcChanged: each packet asks for the SSRC anyway.
  }
}

void Session::AddDatagrams(OutDatagram datagram, Outbox& out) const {
  datagram.group = config_.channel.group;
  datagram.dscp = delivery_.dscp;
  datagram.hop_limit = delivery_.hop_limit;
  for (uint16_t leg : delivery_.legs) {
    datagram.leg = leg;
    out.Add(datagram);
  }
}

}  // namespace headwater::packager
