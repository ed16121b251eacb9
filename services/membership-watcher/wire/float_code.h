#pragma once

#include <cstdint>

namespace headwater::membership {

// The floating-point codes of RFC 9777 sections 5.1.3 and 5.1.9 and of RFC 9776 section 4.1.1: up
// to a threshold a code is the number itself, above it 1, exponent (3 bits), mantissa.
// `MantissaBits` is 4 for an 8-bit code and 12 for a 16-bit one.
template <int MantissaBits>
constexpr uint32_t DecodeFloatCode(uint32_t code) {
  constexpr uint32_t kHidden = 1u << MantissaBits;
  if (code < kHidden * 8) return code;
  return ((code & (kHidden - 1)) | kHidden) << (((code >> MantissaBits) & 7) + 3);
}

// The largest code that says no more than `value`.
template <int MantissaBits>
constexpr uint32_t EncodeFloatCode(uint64_t value) {
  constexpr uint32_t kHidden = 1u << MantissaBits;
  if (value < kHidden * 8) return static_cast<uint32_t>(value);
  uint32_t exponent = 0;
  while (exponent < 7 && (value >> (exponent + 3)) >= kHidden * 2) ++exponent;
  const uint64_t mantissa = value >> (exponent + 3);
  if (mantissa >= kHidden * 2) return kHidden * 16 - 1;
  return kHidden * 8 | exponent << MantissaBits | (static_cast<uint32_t>(mantissa) & (kHidden - 1));
}

}  // namespace headwater::membership
