#pragma once

#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"

namespace headwater::monitor {

// A point in time as NTP has it: 32 bits of seconds since 1900, modulo 2^32, and 32 bits of a
// fraction (RFC 5905 section 6). 0 is "no time".
using NtpTimestamp = uint64_t;
NtpTimestamp ToNtp(absl::Time time);
// The point of that name that is nearest to `near`: the seconds wrap in 2036.
absl::Time FromNtp(NtpTimestamp timestamp, absl::Time near);

// A time span in NTP's short format, 16.16 bits; what does not fit becomes the largest or 0.
uint32_t ToNtpShort(absl::Duration duration);
absl::Duration FromNtpShort(uint32_t value);

// RFC 5905 figure 10.
enum class NtpMode : uint8_t { kClient = 3, kServer = 4, kBroadcast = 5 };
inline constexpr uint8_t kLeapUnsynchronised = 3;
inline constexpr uint8_t kStratumMax = 15;

// The header that every NTP packet begins with (RFC 5905 section 7.3). Extension fields and
// authenticators behind it are not read.
struct NtpPacket {
  static constexpr size_t kSize = 48;

  uint8_t leap = 0;
  uint8_t version = 4;
  NtpMode mode = NtpMode::kClient;
  // On the wire: 0 is "unspecified" or a kiss of death.
  uint8_t stratum = 0;
  int8_t poll = 0;
  int8_t precision = 0;
  uint32_t root_delay = 0;
  uint32_t root_dispersion = 0;
  uint32_t reference_id = 0;
  NtpTimestamp reference = 0;
  NtpTimestamp origin = 0;
  NtpTimestamp receive = 0;
  NtpTimestamp transmit = 0;

  // Nothing for what is too short or of no version from 1 to 4.
  static std::optional<NtpPacket> Parse(Bytes bytes);
  std::array<uint8_t, kSize> Serialize() const;
  bool operator==(const NtpPacket&) const = default;
};

// "RATE" as a reference id (RFC 5905 section 7.4).
constexpr uint32_t KissCode(const char (&letters)[5]) {
  return static_cast<uint32_t>(letters[0]) << 24 | static_cast<uint32_t>(letters[1]) << 16 |
         static_cast<uint32_t>(letters[2]) << 8 | static_cast<uint32_t>(letters[3]);
}

}  // namespace headwater::monitor
