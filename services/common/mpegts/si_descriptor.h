#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/common/mpegts/psi.h"

namespace headwater::mpegts {

// Descriptors of service information, taken apart (EN 300 468 section 6.2). Each Parse gives
// nothing for another tag, and for one that is too short for what it says.

enum class DescriptorTag : uint8_t {
  kConditionalAccess = 0x09,  // ISO 13818-1 section 2.6.16
  kLanguage = 0x0a,
  kNetworkName = 0x40,
  kSatelliteDelivery = 0x43,
  kCableDelivery = 0x44,
  kVbiTeletext = 0x46,
  kBouquetName = 0x47,
  kService = 0x48,
  kShortEvent = 0x4d,
  kExtendedEvent = 0x4e,
  kTeletext = 0x56,
  kSubtitling = 0x59,
  kTerrestrialDelivery = 0x5a,
  kAc3 = 0x6a,
  kS2Delivery = 0x79,
  kEnhancedAc3 = 0x7a,
  kDts = 0x7b,
  kAac = 0x7c,
  kExtension = 0x7f,
  // Of EACEM and NorDig, in the private range, and so common that no specifier is looked for.
  kLogicalChannel = 0x83,
  kLogicalChannel2 = 0x87,
  kHdSimulcastChannel = 0x88,
};

const Descriptor* Find(const std::vector<Descriptor>& descriptors, DescriptorTag tag);

struct ServiceDescriptor {
  uint8_t type = 0;  // table 87
  std::string provider;
  std::string name;
  static std::optional<ServiceDescriptor> Parse(const Descriptor& descriptor);
};

// Of kNetworkName and kBouquetName.
std::string NameOf(const Descriptor& descriptor);

struct ShortEvent {
  std::string language;
  std::string name;
  std::string text;
  static std::optional<ShortEvent> Parse(const Descriptor& descriptor);
};

// One of up to 16 that belong together.
struct ExtendedEvent {
  uint8_t number = 0;
  uint8_t last_number = 0;
  std::string language;
  // Items as "what: which", a space between.
  std::string items;
  std::string text;
  static std::optional<ExtendedEvent> Parse(const Descriptor& descriptor);
};

struct SatelliteDelivery {
  uint32_t frequency_khz = 0;
  uint16_t position_tenths = 0;  // of a degree
  bool east = false;
  uint8_t polarisation = 0;  // 0 horizontal, 1 vertical, 2 left, 3 right
  bool second_generation = false;
  uint8_t modulation = 0;  // 0 auto, 1 QPSK, 2 8PSK, 3 16QAM
  uint8_t rolloff = 0;     // 0 0.35, 1 0.25, 2 0.20
  uint32_t symbol_rate = 0;
  uint8_t fec = 0;  // table 35, EN 300 468
  static std::optional<SatelliteDelivery> Parse(const Descriptor& descriptor);
};

// What DVB-S2 has beyond DVB-S.
struct S2Delivery {
  std::optional<uint32_t> scrambling_sequence;  // gold code
  std::optional<uint8_t> stream;
  static std::optional<S2Delivery> Parse(const Descriptor& descriptor);
};

struct CableDelivery {
  uint32_t frequency_hz = 0;
  uint8_t modulation = 0;  // 1..5: 16 to 256 QAM
  uint32_t symbol_rate = 0;
  static std::optional<CableDelivery> Parse(const Descriptor& descriptor);
};

struct TerrestrialDelivery {
  uint32_t frequency_hz = 0;
  uint8_t bandwidth = 0;  // 0..3: 8, 7, 6, 5 MHz
  static std::optional<TerrestrialDelivery> Parse(const Descriptor& descriptor);
};

// T2_delivery_system_descriptor, of the extension descriptor (section 6.4.6.3).
struct T2Delivery {
  uint8_t plp = 0;
  std::vector<uint32_t> frequencies_hz;
  std::optional<uint8_t> bandwidth;  // 0..4: 8, 7, 6, 5, 10 MHz
  static std::optional<T2Delivery> Parse(const Descriptor& descriptor);
};

// Pairs of service id and channel number; services that are not to be shown are left out.
std::vector<std::pair<uint16_t, uint16_t>> LogicalChannels(const Descriptor& descriptor);

}  // namespace headwater::mpegts
