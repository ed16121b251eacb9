#pragma once

#include <absl/time/time.h>

#include <compare>
#include <cstdint>

namespace headwater {

// Synchronisation source identifier (RFC 3550 section 3).
enum class Ssrc : uint32_t {};

// RTP sequence number: 16 bits that wrap, so it has no "<", only a signed distance. Right while two
// numbers are less than 32768 apart.
class SequenceNumber {
 public:
  constexpr SequenceNumber() = default;
  constexpr explicit SequenceNumber(uint16_t value) : value_(value) {}

  constexpr uint16_t value() const { return value_; }
  constexpr SequenceNumber Next() const {
    return SequenceNumber(static_cast<uint16_t>(value_ + 1));
  }
  // How far this one is behind `other` (negative) or ahead of it (positive).
  constexpr int DistanceFrom(SequenceNumber other) const {
    return static_cast<int16_t>(static_cast<uint16_t>(value_ - other.value_));
  }
  constexpr bool IsNewerThan(SequenceNumber other) const { return DistanceFrom(other) > 0; }

  constexpr bool operator==(const SequenceNumber&) const = default;

 private:
  uint16_t value_ = 0;
};

// RTP timestamp: 32 bits that wrap, in ticks of the payload's clock. Right while two are less than
// 2^31 ticks apart.
class RtpTimestamp {
 public:
  constexpr RtpTimestamp() = default;
  constexpr explicit RtpTimestamp(uint32_t value) : value_(value) {}

  constexpr uint32_t value() const { return value_; }
  constexpr RtpTimestamp operator+(int64_t ticks) const {
    return RtpTimestamp(value_ + static_cast<uint32_t>(ticks));
  }
  constexpr int64_t DistanceFrom(RtpTimestamp other) const {
    return static_cast<int32_t>(value_ - other.value_);
  }
  constexpr bool IsNewerThan(RtpTimestamp other) const { return DistanceFrom(other) > 0; }

  constexpr bool operator==(const RtpTimestamp&) const = default;

 private:
  uint32_t value_ = 0;
};

// NTP timestamp: seconds since 1900 in 32.32 fixed point (RFC 3550 section 4). Wraps in 2036, as in
// every RTP implementation.
class NtpTime {
 public:
  constexpr NtpTime() = default;
  constexpr explicit NtpTime(uint64_t fixed_point) : value_(fixed_point) {}
  static NtpTime From(absl::Time time);

  constexpr uint64_t value() const { return value_; }
  constexpr uint32_t seconds() const { return static_cast<uint32_t>(value_ >> 32); }
  constexpr uint32_t fraction() const { return static_cast<uint32_t>(value_); }
  // The middle 32 bits, as LSR carries them.
  constexpr uint32_t middle() const { return static_cast<uint32_t>(value_ >> 16); }

  constexpr bool operator==(const NtpTime&) const = default;

 private:
  uint64_t value_ = 0;
};

}  // namespace headwater
