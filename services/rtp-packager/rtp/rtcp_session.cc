#include "services/rtp-packager/rtp/rtcp_session.h"

#include <algorithm>
#include <utility>

namespace headwater {
namespace {

// RFC 3550 section 6.3.1 counts IP and UDP headers; those of IPv6.
constexpr size_t kLowerHeaders = 48;
// Share of the session's bandwidth for RTCP, and of that for senders (section 6.2).
constexpr double kRtcpShare = 0.05;
constexpr double kSenderShare = 0.25;
// e - 3/2: makes up for timer reconsideration converging below the intended mean (section 6.3.1).
constexpr double kCompensation = 1.21828;
// Whatever a flood of large reports makes of the average.
constexpr double kIntervalMaxSeconds = 3600;
// Intervals without a word after which a receiver is gone (section 6.2.1).
constexpr int kTimeoutIntervals = 5;

Duration Scale(Duration duration, double factor) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor));
}

}  // namespace

RtcpSession::RtcpSession(const RtcpSessionOptions& options, uint64_t seed)
    : options_(options), random_(seed), ssrc_(options.ssrc) {}

void RtcpSession::OnRtpSent(RtpTimestamp timestamp, size_t payload_octets, MonoTime due,
                            const ClockPair& now, RtcpActions& out) {
  if (state_ != State::kIdle && state_ != State::kSending) return;
  ++packets_;
  octets_ += static_cast<uint32_t>(payload_octets);
  last_timestamp_ = timestamp;
  last_due_ = due;
  last_rtp_ = now.mono;
  if (state_ == State::kSending) return;
  state_ = State::kSending;
  SendCompound(now, /*with_bye=*/false, out);
  // The extra first report does not use up the short first interval.
  next_report_ = now.mono + RandomInterval(now.mono);
}

void RtcpSession::OnDatagram(Bytes bytes, const IpAddress& from, RtcpOrigin origin,
                             const ClockPair& now, RtcpActions& out) {
  const Result<std::vector<RtcpPacket>, RtcpError> packets = ParseRtcp(bytes);
  if (!packets.ok()) {
    ++stats_.malformed_total;
    return;
  }
  bool our_sr = false;
  bool our_other = false;
  for (const RtcpPacket& packet : *packets) {
    if (const auto* sr = std::get_if<SenderReport>(&packet)) {
      if (sr->ssrc == ssrc_) {
        our_sr = true;
      } else if (std::any_of(sr->blocks.begin(), sr->blocks.end(),
                             [this](const ReportBlock& block) { return block.ssrc == ssrc_; })) {
        // A foreign sender listens to us only if it says so.
        OnReport(sr->ssrc, sr->blocks, from, now.mono);
      }
    } else if (const auto* rr = std::get_if<ReceiverReport>(&packet)) {
      if (rr->ssrc == ssrc_) {
        our_other = true;
      } else {
        OnReport(rr->ssrc, rr->blocks, from, now.mono);
      }
    } else if (const auto* bye = std::get_if<Bye>(&packet)) {
      for (const Ssrc ssrc : bye->ssrcs) {
        if (ssrc == ssrc_) {
          our_other = true;
        } else {
          OnBye(ssrc, from, now.mono);
        }
      }
    }
  }
  // What we sent ourselves is not part of the average: SendCompound has counted it.
  if (our_sr || our_other) {
    // A BYE in our name comes behind an SR in our name: forged, for two senders that collide do not
    // part.
    OnOwnSsrc(our_sr && !our_other, origin, now, out);
  } else {
    CountSize(bytes.size());
  }
}

void RtcpSession::OnOwnSsrc(bool sender_report, RtcpOrigin origin, const ClockPair& now,
                            RtcpActions& out) {
  if (state_ == State::kIdle) return;
  switch (origin) {
    case RtcpOrigin::kOwnLeg:
      return;
    case RtcpOrigin::kOtherLeg:
      ++stats_.loops_total;
      return;
    case RtcpOrigin::kForeign:
      break;
  }
  if (sender_report) {
    OnCollision(now, out);
  } else {
    ++forged_total_;
  }
}

void RtcpSession::OnOwnRtp(RtcpOrigin origin, const ClockPair& now, RtcpActions& out) {
  if (state_ == State::kIdle) return;
  if (origin == RtcpOrigin::kForeign) {
    OnCollision(now, out);
  } else {
    ++stats_.loops_total;
  }
}

void RtcpSession::OnCollision(const ClockPair& now, RtcpActions& out) {
  ++stats_.collisions_total;
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  if (last_ssrc_change_.has_value() && now.mono - *last_ssrc_change_ < options_.ssrc_change_min) {
    return;
  }
  last_ssrc_change_ = now.mono;
  const Ssrc before = ssrc_;
  while (ssrc_ == before || receivers_.contains(ssrc_)) {
    ssrc_ = Ssrc{static_cast<uint32_t>(random_())};
  }
  // Section 6.4.1: both counts begin anew, and what was said about the old SSRC is void.
  packets_ = 0;
  octets_ = 0;
  for (auto& [ssrc, receiver] : receivers_) receiver.has_block = false;
  out.push_back(SsrcChanged{before, ssrc_});
  if (state_ == State::kSending) SendCompound(now, /*with_bye=*/false, out);
}

void RtcpSession::OnReport(Ssrc reporter, const std::vector<ReportBlock>& blocks,
                           const IpAddress& from, MonoTime now) {
  if (state_ == State::kClosed) return;
  auto it = receivers_.find(reporter);
  if (it != receivers_.end() && it->second.address != from) {
    ++forged_total_;
    return;
  }
  ++reports_total_;
  if (next_expiry_ == kNever) {
    next_expiry_ = now + options_.interval_min;
    last_rotation_ = now;
  }
  if (it == receivers_.end()) {
    if (receivers_.size() >= options_.receivers_max) {
      ++stats_.overflow_total;
      overflow_.Add(reporter);
      return;
    }
    it = receivers_.emplace(reporter, Receiver{}).first;
    it->second.address = from;
  }
  Receiver& receiver = it->second;
  receiver.last_seen = now;
  for (const ReportBlock& block : blocks) {
    if (block.ssrc != ssrc_) continue;
    receiver.has_block = true;
    receiver.fraction_lost = block.fraction_lost;
    receiver.jitter = block.jitter;
  }
}

void RtcpSession::OnBye(Ssrc ssrc, const IpAddress& from, MonoTime now) {
  const auto it = receivers_.find(ssrc);
  if (it == receivers_.end()) return;
  if (it->second.address != from) {
    ++forged_total_;
    return;
  }
  const size_t before = members();
  receivers_.erase(it);
  ++stats_.byes_total;
  ReverseReconsider(before, now);
}

void RtcpSession::OnTime(const ClockPair& now, RtcpActions& out) {
  if (now.mono >= next_expiry_) ExpireReceivers(now.mono);
  if (now.mono < next_report_) return;
  if (state_ == State::kClosing) {
    SendCompound(now, /*with_bye=*/true, out);
    state_ = State::kClosed;
    next_report_ = kNever;
    next_expiry_ = kNever;
    out.push_back(RtcpClosed{});
    return;
  }
  // Timer reconsideration (section 6.3.6): when members have joined meanwhile, the draw moves on.
  const MonoTime reconsidered = last_report_ + RandomInterval(now.mono);
  if (reconsidered > now.mono) {
    next_report_ = reconsidered;
    return;
  }
  SendCompound(now, /*with_bye=*/false, out);
  initial_ = false;
  next_report_ = now.mono + RandomInterval(now.mono);
}

MonoTime RtcpSession::NextDeadline() const { return std::min(next_report_, next_expiry_); }

void RtcpSession::Close(const ClockPair& now, RtcpActions& out) {
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  if (state_ == State::kIdle) {
    // Section 6.3.7: who never sent does not say good-bye.
    state_ = State::kClosed;
    next_expiry_ = kNever;
    out.push_back(RtcpClosed{});
    return;
  }
  state_ = State::kClosing;
  SendCompound(now, /*with_bye=*/true, out);
  next_report_ = now.mono + options_.bye_gap;
}

ReceiverSummary RtcpSession::Summary() const {
  ReceiverSummary summary;
  summary.receivers = static_cast<uint32_t>(receivers_.size()) + overflow_.Estimate();
  summary.reports_total = reports_total_;
  summary.forged_total = forged_total_;
  double sum = 0;
  uint32_t with_block = 0;
  uint32_t jitter = 0;
  for (const auto& [ssrc, receiver] : receivers_) {
    if (!receiver.has_block) continue;
    const double lost = receiver.fraction_lost / 256.0;
    sum += lost;
    ++with_block;
    summary.fraction_lost_max = std::max(summary.fraction_lost_max, lost);
    jitter = std::max(jitter, receiver.jitter);
  }
  if (with_block > 0) summary.fraction_lost_mean = sum / with_block;
  summary.jitter_max = Duration(int64_t{jitter} * 1'000'000'000 / options_.clock_rate);
  return summary;
}

void RtcpSession::ExpireReceivers(MonoTime now) {
  const size_t before = members();
  const Duration timeout = ReceiverTimeout();
  absl::erase_if(receivers_,
                 [&](const auto& entry) { return now - entry.second.last_seen > timeout; });
  if (now - last_rotation_ >= timeout) {
    overflow_.Rotate();
    last_rotation_ = now;
  }
  const bool empty = receivers_.empty() && overflow_.Estimate() == 0;
  next_expiry_ = empty ? kNever : now + options_.interval_min;
  ReverseReconsider(before, now);
}

// Section 6.3.4: when members leave, the next report comes sooner in proportion.
void RtcpSession::ReverseReconsider(size_t members_before, MonoTime now) {
  const size_t after = members();
  if (state_ != State::kSending || after >= members_before || next_report_ <= now) return;
  const double share = static_cast<double>(after) / static_cast<double>(members_before);
  next_report_ = now + Scale(next_report_ - now, share);
  last_report_ = now - Scale(now - last_report_, share);
}

size_t RtcpSession::members() const { return 1 + receivers_.size() + overflow_.Estimate(); }

bool RtcpSession::we_sent(MonoTime now) const {
  // Section 6.2.1: a sender is who has sent in the last two intervals.
  return now - last_rtp_ <= 2 * ComputedInterval(true, options_.interval_min);
}

Duration RtcpSession::ComputedInterval(bool we_sent, Duration minimum) const {
  double bandwidth = std::max(1.0, options_.session_bits_per_second / 8.0) * kRtcpShare;
  double sharing = static_cast<double>(members());
  // With more than a quarter of all members senders, all share alike; there is one sender at most,
  // ourselves.
  if (members() >= 4) {
    bandwidth *= we_sent ? kSenderShare : 1 - kSenderShare;
    sharing = we_sent ? 1 : sharing - 1;
  }
  const double seconds = average_size_ * sharing / bandwidth;
  return std::max(minimum, Scale(1s, std::min(seconds, kIntervalMaxSeconds)));
}

Duration RtcpSession::ReceiverTimeout() const {
  return kTimeoutIntervals * ComputedInterval(/*we_sent=*/false, options_.interval_min);
}

Duration RtcpSession::RandomInterval(MonoTime now) {
  const Duration minimum = initial_ ? options_.interval_min / 2 : options_.interval_min;
  // Uniform in [0.5, 1.5), by hand: the standard distributions differ between libraries.
  const double factor = 0.5 + static_cast<double>(random_() >> 11) * 0x1p-53;
  return Scale(ComputedInterval(we_sent(now), minimum), factor / kCompensation);
}

void RtcpSession::CountSize(size_t octets) {
  const double size = static_cast<double>(octets + kLowerHeaders);
  average_size_ = average_size_ == 0 ? size : average_size_ * 15 / 16 + size / 16;
}

void RtcpSession::SendCompound(const ClockPair& now, bool with_bye, RtcpActions& out) {
  SendRtcp send;
  if (we_sent(now.mono)) {
    SenderReport report;
    report.ssrc = ssrc_;
    report.ntp = NtpTime::From(now.wall);
    report.packets = packets_;
    report.octets = octets_;
    // In microseconds, so that a day times 90 kHz has room.
    const int64_t elapsed_us =
        std::chrono::duration_cast<std::chrono::microseconds>(now.mono - last_due_).count();
    report.timestamp =
        last_timestamp_ + elapsed_us * static_cast<int64_t>(options_.clock_rate) / 1'000'000;
    SerializeTo(report, send.bytes);
  } else {
    SerializeTo(ReceiverReport{.ssrc = ssrc_, .blocks = {}}, send.bytes);
  }
  SerializeTo(SourceDescription{{{ssrc_, options_.cname}}}, send.bytes);
  if (with_bye) SerializeTo(Bye{{ssrc_}, {}}, send.bytes);
  CountSize(send.bytes.size());
  last_report_ = now.mono;
  ++stats_.sent_total;
  out.push_back(std::move(send));
}

}  // namespace headwater
