#pragma once

#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/mcast-monitor/ntp_packet.h"
#include "services/mcast-monitor/rate_limiter.h"

namespace headwater::monitor {

// What is known of this machine's clock.
struct ClockState {
  bool synchronised = false;
  // Why not, for people.
  std::string problem = "not asked yet";
  uint8_t leap = kLeapUnsynchronised;
  // As we are one: one more than that of our source.
  uint8_t stratum = 0;
  absl::Duration root_delay;
  absl::Duration root_dispersion;
  uint32_t reference_id = 0;
  absl::Time reference;
  // All this was true then; the dispersion grows from there.
  MonoTime read;
};

// Answers NTP clients (RFC 5905 section 8, server). Stateless but for the rate limit. While the
// clock is not synchronised an answer has LI = 3, stratum 0 and no time at all in it: some small
// clients look at nothing but the transmit timestamp. Pure; one thread.
class NtpServer {
 public:
  enum class Outcome : uint8_t {
    kAnswered,
    kUnsynchronised,  // answered without a time
    kRate,            // kiss of death "RATE"
    kDropped,         // rate limit, silently
    kNotClient,       // another monitor's answer to the group, broadcasts, control messages
    kMalformed,
    kRelayed,  // to be given to a daemon
  };
  static constexpr size_t kOutcomes = 7;

  struct Verdict {
    Outcome outcome;
    // To be sent, with SetTransmit at the last moment.
    std::optional<NtpPacket> answer;
  };

  explicit NtpServer(const RateOptions& options) : limiter_(options) {}

  void set_rate(const RateOptions& options) { limiter_.set_options(options); }
  void set_clock(const ClockState& clock) { clock_ = clock; }
  const ClockState& clock() const { return clock_; }

  // `received` is the kernel's time of arrival.
  Verdict Handle(Bytes request, const IpAddress& source, absl::Time received, MonoTime now);
  // The moment of sending; leaves an answer without a time as it is.
  static void SetTransmit(NtpPacket& answer, absl::Time now);

  // Requests are not answered here but by a daemon that the caller gives them to.
  void set_relaying(bool relaying) { relaying_ = relaying; }
  uint64_t count(Outcome outcome) const { return counts_[static_cast<size_t>(outcome)]; }

 private:
  Verdict Decide(Bytes request, const IpAddress& source, absl::Time received, MonoTime now);
  NtpPacket Answer(const NtpPacket& request, absl::Time received, MonoTime now) const;

  RateLimiter limiter_;
  ClockState clock_;
  bool relaying_ = false;
  std::array<uint64_t, kOutcomes> counts_ = {};
};

const char* ToString(NtpServer::Outcome outcome);

}  // namespace headwater::monitor
