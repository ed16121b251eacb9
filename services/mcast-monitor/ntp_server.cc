#include "services/mcast-monitor/ntp_server.h"

#include <algorithm>

namespace headwater::monitor {
namespace {

// Of a Linux clock read by a process: about a microsecond (2^-20 s).
constexpr int8_t kPrecision = -20;
// RFC 5905 section 7.2: PHI, the drift that any clock is allowed.
constexpr double kDrift = 15e-6;
// RFC 5905 section 7.2: MAXDISP. A clock that may be off by more is not synchronised.
constexpr absl::Duration kDispersionMax = absl::Seconds(16);

NtpPacket Begin(const NtpPacket& request) {
  return {.leap = kLeapUnsynchronised,
          .version = request.version,
          .mode = NtpMode::kServer,
          .poll = request.poll,
          .precision = kPrecision,
          .origin = request.transmit};
}

absl::Duration Dispersion(const ClockState& clock, MonoTime now) {
  const absl::Duration age = absl::FromChrono(now - clock.read);
  return clock.root_dispersion + std::max(age, absl::ZeroDuration()) * kDrift;
}

}  // namespace

const char* ToString(NtpServer::Outcome outcome) {
  constexpr const char* kNames[] = {"answered",   "unsynchronised", "rate",   "dropped",
                                    "not_client", "malformed",      "relayed"};
  static_assert(std::size(kNames) == NtpServer::kOutcomes);
  return kNames[static_cast<size_t>(outcome)];
}

NtpServer::Verdict NtpServer::Handle(Bytes request, const IpAddress& source, absl::Time received,
                                     MonoTime now) {
  Verdict verdict = Decide(request, source, received, now);
  ++counts_[static_cast<size_t>(verdict.outcome)];
  return verdict;
}

NtpServer::Verdict NtpServer::Decide(Bytes bytes, const IpAddress& source, absl::Time received,
                                     MonoTime now) {
  const std::optional<NtpPacket> request = NtpPacket::Parse(bytes);
  if (!request) return {Outcome::kMalformed, {}};
  if (request->mode != NtpMode::kClient) return {Outcome::kNotClient, {}};
  switch (limiter_.Ask(source, now)) {
    case RateLimiter::Verdict::kSilent:
      return {Outcome::kDropped, {}};
    case RateLimiter::Verdict::kTell: {
      NtpPacket kiss = Begin(*request);
      kiss.reference_id = KissCode("RATE");
      // None of our time, but not 0 either: clients do not look at a packet without times (RFC 5905
      // section 7.4 leaves them open).
      kiss.receive = kiss.transmit = request->transmit;
      return {Outcome::kRate, kiss};
    }
    case RateLimiter::Verdict::kAnswer:
      break;
  }
  if (relaying_) return {Outcome::kRelayed, {}};
  NtpPacket answer = Answer(*request, received, now);
  const bool told = answer.stratum != 0;
  return {told ? Outcome::kAnswered : Outcome::kUnsynchronised, answer};
}

NtpPacket NtpServer::Answer(const NtpPacket& request, absl::Time received, MonoTime now) const {
  NtpPacket answer = Begin(request);
  const absl::Duration dispersion = Dispersion(clock_, now);
  if (!clock_.synchronised || clock_.leap == kLeapUnsynchronised || clock_.stratum < 1 ||
      clock_.stratum > kStratumMax || dispersion >= kDispersionMax) {
    answer.reference_id = KissCode("INIT");
    return answer;
  }
  answer.leap = clock_.leap;
  answer.stratum = clock_.stratum;
  answer.root_delay = ToNtpShort(clock_.root_delay);
  answer.root_dispersion = ToNtpShort(dispersion);
  answer.reference_id = clock_.reference_id;
  answer.reference = ToNtp(clock_.reference);
  answer.receive = ToNtp(received);
  return answer;
}

void NtpServer::SetTransmit(NtpPacket& answer, absl::Time now) {
  if (answer.stratum != 0) answer.transmit = ToNtp(now);
}

}  // namespace headwater::monitor
