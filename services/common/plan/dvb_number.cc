#include "services/common/plan/dvb_number.h"

#include <fmt/format.h>

namespace headwater {
namespace {

constexpr uint32_t kBandFirstKhz = 10'700'000;
constexpr uint32_t kGridKhz = 250;
constexpr uint32_t kBandLastKhz = kBandFirstKhz + 0x1fff * kGridKhz;
constexpr uint32_t kDvbBits = 0xC0000000;

}  // namespace

absl::StatusOr<uint32_t> DvbNumber::Encode() const {
  if (frequency_khz < kBandFirstKhz || frequency_khz > kBandLastKhz) {
    return absl::InvalidArgumentError(
        fmt::format("frequency {} kHz is outside the band of DVB numbers: {} to {} kHz",
                    frequency_khz, kBandFirstKhz, kBandLastKhz));
  }
  const uint32_t offset = frequency_khz - kBandFirstKhz;
  if (offset % kGridKhz != 0) {
    const uint32_t below = frequency_khz - offset % kGridKhz;
    return absl::InvalidArgumentError(fmt::format(
        "frequency {} kHz is off the grid of DVB numbers ({} kHz): nearest are {} and {} kHz",
        frequency_khz, kGridKhz, below, below + kGridKhz));
  }
  const uint32_t vertical = polarisation == Polarisation::kVertical ? 1 : 0;
  return kDvbBits | vertical << 29 | offset / kGridKhz << 16 | service_id;
}

std::optional<DvbNumber> DvbNumber::Decode(uint32_t number) {
  if ((number & kDvbBits) != kDvbBits) return std::nullopt;
  return DvbNumber{(number >> 29 & 1) != 0 ? Polarisation::kVertical : Polarisation::kHorizontal,
                   kBandFirstKhz + (number >> 16 & 0x1fff) * kGridKhz,
                   static_cast<uint16_t>(number & 0xffff)};
}

std::string DvbNumber::ToString() const {
  return fmt::format("{}.{:03} MHz {} service {:#06x}", frequency_khz / 1000, frequency_khz % 1000,
                     polarisation == Polarisation::kVertical ? 'V' : 'H', service_id);
}

}  // namespace headwater
