#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>

namespace headwater {

enum class Polarisation : uint8_t { kHorizontal, kVertical };  // 18 V, 13 V

// A DVB-S service as its number says it: 1 1 P CCCCCCCCCCCCC SSSSSSSSSSSSSSSS, C = (f - 10 700 000
// kHz) / 250 kHz.
struct DvbNumber {
  Polarisation polarisation = Polarisation::kHorizontal;
  // 10 700 000 .. 12 747 750 in steps of 250.
  uint32_t frequency_khz = 0;
  uint16_t service_id = 0;

  // INVALID_ARGUMENT names the frequency and what is allowed: off the grid, outside the band.
  absl::StatusOr<uint32_t> Encode() const;
  // Nothing for a number outside 0xC0000000/2.
  static std::optional<DvbNumber> Decode(uint32_t number);
  // "11426.500 MHz H service 0x1041".
  std::string ToString() const;
  bool operator==(const DvbNumber&) const = default;
};

}  // namespace headwater
