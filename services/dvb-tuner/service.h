#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "services/common/mpegts/psi.h"

namespace headwater::tuner {

// EN 300 468 table 87, put together.
enum class ServiceType : uint8_t { kUnknown, kTv, kRadio, kData };
ServiceType ServiceTypeOf(uint8_t service_type);

// One programme on a carrier.
struct Service {
  uint16_t id = 0;  // never 0
  ServiceType type = ServiceType::kUnknown;
  std::string name;
  std::string provider;
  bool scrambled = false;
  uint16_t channel_number = 0;  // 0: none
  bool operator==(const Service&) const = default;
};

// What names a service the world over.
struct ServiceKey {
  uint16_t original_network_id = 0;
  uint16_t transport_stream_id = 0;
  uint16_t service_id = 0;
  auto operator<=>(const ServiceKey&) const = default;
};

// For people: "H.264 video, MP2 audio (eng), AC-3 audio (deu), subtitles".
std::string Describe(const mpegts::ProgramMap& map);
bool IsVideo(const mpegts::ElementaryStream& stream);
bool IsAudio(const mpegts::ElementaryStream& stream);
// A conditional access descriptor of the programme or of one of its streams.
bool HasConditionalAccess(const mpegts::ProgramMap& map);

}  // namespace headwater::tuner
