#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/clock.h"
#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/media/payloader.h"
#include "services/rtp-packager/options.h"
#include "services/rtp-packager/outbox.h"
#include "services/rtp-packager/rtp/rtcp_session.h"
#include "services/rtp-packager/rtp/rtp_types.h"

namespace headwater::packager {

// A timestamp that has been sent, and when; one that was sent ahead of its time may be told with
// that time, which may be to come.
struct SentTimestamp {
  RtpTimestamp timestamp;
  absl::Time sent;
};

struct SessionConfig {
  Channel channel;
  Ssrc ssrc{};
  // Nothing: at random.
  std::optional<SequenceNumber> first_sequence;
  // By whoever sent this session before; nothing: timestamps start at random.
  std::optional<SentTimestamp> sent_before;
  std::string cname;
  // For the session's own random start of sequence and timestamp (RFC 3550 section 5.1) and its
  // RTCP.
  uint64_t seed = 0;
  MonoTime applied{};
};

// How its datagrams leave; may change while it lives.
struct SessionDelivery {
  // Indices of the configured legs.
  std::vector<uint16_t> legs;
  uint8_t dscp = 0;
  uint8_t hop_limit = 1;
};

// One channel's RTP and RTCP: takes its stream's payloads, gives them its own SSRC, sequence and
// timestamps, and makes one datagram for each leg. Pure; loop thread only.
class Session {
 public:
  Session(const Options& options, const SessionConfig& config);

  void SetDelivery(SessionDelivery delivery) { delivery_ = std::move(delivery); }
  const SessionDelivery& delivery() const { return delivery_; }
  // By another packager that has sent this session until now; before the first payload.
  void GoOnFrom(SequenceNumber sequence, const SentTimestamp& sent_before);
  // Once, before the first payload.
  void SetFormat(const RtpFormat& format);
  // From now on payloads are sent, after `delay`. Idempotent.
  void Transmit(MonoTime now, Duration delay);

  // `payload_offset`: where its bytes stand in the outbox.
  void OnPayload(const RtpPayload& payload, MonoTime due, const ClockPair& now,
                 uint32_t payload_offset, Outbox& out);
  void OnRtcp(Bytes bytes, const IpAddress& from, RtcpOrigin origin, const ClockPair& now,
              Outbox& out);
  // RTP with our SSRC came in.
  void OnOwnRtp(RtcpOrigin origin, const ClockPair& now, Outbox& out);
  void OnTime(const ClockPair& now, Outbox& out);
  MonoTime NextDeadline() const;
  // BYE, twice; then closed(). Idempotent.
  void Close(const ClockPair& now, Outbox& out);

  const Channel& channel() const { return config_.channel; }
  // Of the next packet.
  SequenceNumber sequence() const { return sequence_; }
  // Of the newest packet.
  const std::optional<SentTimestamp>& last_sent() const { return last_sent_; }
  // Of the next one, if it follows as that did on the one before, and when it is to be heard;
  // nothing before the first.
  std::optional<SentTimestamp> next_sent() const;
  Ssrc ssrc() const { return rtcp_ ? rtcp_->ssrc() : config_.ssrc; }
  bool transmits() const { return transmit_; }
  // Whether a payload of now would be sent.
  bool Sends(MonoTime now) const { return transmit_ && !closing_ && rtcp_ && now >= send_from_; }
  bool closing() const { return closing_; }
  bool closed() const { return closed_; }
  MonoTime applied() const { return config_.applied; }
  std::optional<MonoTime> first_rtp() const { return first_rtp_; }
  // RTP packets and their payload, once each however many legs.
  uint64_t packets_total() const { return packets_; }
  uint64_t octets_total() const { return octets_; }
  ReceiverSummary receivers() const { return rtcp_ ? rtcp_->Summary() : ReceiverSummary{}; }
  RtcpSessionStats rtcp_stats() const { return rtcp_ ? rtcp_->stats() : RtcpSessionStats{}; }

 private:
  void GoOn(RtpTimestamp first, MonoTime due, const ClockPair& now);
  void Perform(const RtcpActions& actions, Outbox& out);
  void AddDatagrams(OutDatagram datagram, Outbox& out) const;

  const Options& options_;
  SessionConfig config_;
  SessionDelivery delivery_;
  std::optional<RtcpSession> rtcp_;
  // Reused, so that a packet allocates nothing.
  RtcpActions actions_;
  uint8_t payload_type_ = 0;
  SequenceNumber sequence_;
  uint32_t timestamp_start_ = 0;
  uint32_t clock_rate_ = 0;
  std::optional<SentTimestamp> last_sent_;
  // From the last packet but one to the last, in ticks.
  int64_t last_step_ = 0;
  // How long before it was to be heard the last packet left.
  Duration last_ahead_{};
  // What the sender before was ahead of the stream that is sent now.
  Duration lead_{};
  bool transmit_ = false;
  bool closing_ = false;
  bool closed_ = false;
  MonoTime send_from_{};
  std::optional<MonoTime> first_rtp_;
  uint64_t packets_ = 0;
  uint64_t octets_ = 0;
};

}  // namespace headwater::packager
