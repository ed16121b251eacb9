#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"
#include "services/common/time/clock.h"
#include "services/rtp-packager/rtp/member_sketch.h"
#include "services/rtp-packager/rtp/rtcp_packet.h"
#include "services/rtp-packager/rtp/rtp_types.h"

namespace headwater {

struct RtcpSessionOptions {
  Ssrc ssrc{};        // what the session begins with
  std::string cname;  // at most 255 bytes
  uint32_t clock_rate = 90000;
  // Media bandwidth with headers, bits per second; RTCP has 5 % of it (RFC 3550 section 6.2).
  uint32_t session_bits_per_second = 128000;
  // Between reports, before the random factor.
  Duration interval_min = 5s;
  // Receivers with a table entry. Beyond it reports still count, and the number of receivers is
  // estimated.
  size_t receivers_max = 1024;
  // At least this long between two changes of the SSRC; what collides sooner is only counted.
  Duration ssrc_change_min = 60s;
  // Between the two BYEs.
  Duration bye_gap = 100ms;
};

// Where a received datagram came from, seen from the leg that it was received on.
enum class RtcpOrigin : uint8_t {
  kOwnLeg,    // from that leg's own service address: our echo, or a player on this host
  kOtherLeg,  // from the service address of another leg of ours: somebody forwards between our
              // links
  kForeign,
};

// To be sent to the group's RTCP port on every link of the session.
struct SendRtcp {
  std::vector<uint8_t> bytes;
};
// RTP goes out with `now` from the next packet on; sequence numbers and timestamps run on. An SR of
// the new SSRC follows in the same list.
struct SsrcChanged {
  Ssrc before{};
  Ssrc now{};
};
// After Close(): the last BYE is out, the session may be dropped.
struct RtcpClosed {};
using RtcpAction = std::variant<SendRtcp, SsrcChanged, RtcpClosed>;
using RtcpActions = std::vector<RtcpAction>;

// The receivers' reports, put together. Rates are over receivers with a report about our SSRC that
// is not timed out.
struct ReceiverSummary {
  uint32_t receivers = 0;  // estimated beyond receivers_max
  double fraction_lost_max = 0;
  double fraction_lost_mean = 0;
  Duration jitter_max{};
  uint64_t reports_total = 0;
  // BYEs and reports that named our own SSRC as their sender, and those of a receiver from another
  // address than its first: counted, never obeyed.
  uint64_t forged_total = 0;
};

struct RtcpSessionStats {
  uint64_t sent_total = 0;
  uint64_t malformed_total = 0;
  uint64_t collisions_total =
      0;                        // foreign senders with our SSRC, whether or not it led to a change
  uint64_t loops_total = 0;     // our own packets back by another leg
  uint64_t byes_total = 0;      // receivers that said good-bye
  uint64_t overflow_total = 0;  // reports of receivers for whom the table had no room
};

// One session's RTCP (RFC 3550 section 6), as a sender that never receives RTP: when to report,
// what to say, who listens. It sees what every link of the session receives and sends the same to
// all. Pure, on one thread; randomness from the seed alone.
//
// Deviations, each because of what stock players do: the first SR leaves with the first RTP packet
// (players synchronise by it); BYE is sent at once and twice, without section 6.3.7's back-off; a
// collision changes the SSRC without BYE, at most every ssrc_change_min, since any BYE ends
// FFmpeg's receiver; a report or BYE in our name is not believed.
class RtcpSession {
 public:
  RtcpSession(const RtcpSessionOptions& options, uint64_t seed);

  Ssrc ssrc() const { return ssrc_; }

  // An RTP packet left (once per packet, not per link). `due`: when its first sample is to be heard
  // on the pacing schedule, which a startup burst runs ahead of; SRs map timestamps to wall time by
  // it. The first call sends the first SR.
  void OnRtpSent(RtpTimestamp timestamp, size_t payload_octets, MonoTime due, const ClockPair& now,
                 RtcpActions& out);
  // A datagram on the RTCP port. Anything may be in it.
  void OnDatagram(Bytes bytes, const IpAddress& from, RtcpOrigin origin, const ClockPair& now,
                  RtcpActions& out);
  // RTP with our SSRC came in on the RTP port, which we have not just sent: from a foreign sender a
  // collision (RFC 3550 section 8.2), from any address of ours a loop. Before our first packet it
  // is neither: whoever sends the session may be about to hand it over to us.
  void OnOwnRtp(RtcpOrigin origin, const ClockPair& now, RtcpActions& out);
  // All work due at or before now.
  void OnTime(const ClockPair& now, RtcpActions& out);
  MonoTime NextDeadline() const;
  // BYE now and again after bye_gap, then RtcpClosed; RtcpClosed at once if nothing was ever sent.
  // Idempotent.
  void Close(const ClockPair& now, RtcpActions& out);

  ReceiverSummary Summary() const;
  const RtcpSessionStats& stats() const { return stats_; }

 private:
  struct Receiver {
    IpAddress address;
    MonoTime last_seen;
    bool has_block = false;  // a report about our SSRC has come
    uint8_t fraction_lost = 0;
    uint32_t jitter = 0;
  };
  enum class State : uint8_t { kIdle, kSending, kClosing, kClosed };

  void OnReport(Ssrc reporter, const std::vector<ReportBlock>& blocks, const IpAddress& from,
                MonoTime now);
  void OnBye(Ssrc ssrc, const IpAddress& from, MonoTime now);
  void OnCollision(const ClockPair& now, RtcpActions& out);
  void OnOwnSsrc(bool sender_report, RtcpOrigin origin, const ClockPair& now, RtcpActions& out);
  void ExpireReceivers(MonoTime now);
  void ReverseReconsider(size_t members_before, MonoTime now);
  size_t members() const;
  bool we_sent(MonoTime now) const;
  // Of RFC 3550 section 6.3.1: before the random factor, for the session as it is.
  Duration ComputedInterval(bool we_sent, Duration minimum) const;
  Duration ReceiverTimeout() const;
  Duration RandomInterval(MonoTime now);
  void CountSize(size_t octets);
  void SendCompound(const ClockPair& now, bool with_bye, RtcpActions& out);

  RtcpSessionOptions options_;
  std::mt19937_64 random_;
  Ssrc ssrc_;
  State state_ = State::kIdle;

  uint32_t packets_ = 0;
  uint32_t octets_ = 0;
  RtpTimestamp last_timestamp_;
  MonoTime last_due_;
  MonoTime last_rtp_;

  // tp, tn, avg_rtcp_size and initial of RFC 3550 section 6.3.
  MonoTime last_report_;
  MonoTime next_report_ = kNever;
  double average_size_ = 0;
  bool initial_ = true;
  std::optional<MonoTime> last_ssrc_change_;

  // Set while there are receivers.
  MonoTime next_expiry_ = kNever;
  MonoTime last_rotation_;
  absl::flat_hash_map<Ssrc, Receiver> receivers_;
  MemberSketch overflow_;
  uint64_t reports_total_ = 0;
  uint64_t forged_total_ = 0;
  RtcpSessionStats stats_;
};

}  // namespace headwater
