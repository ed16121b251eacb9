#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/result.h"
#include "services/common/mpegts/psi.h"
#include "services/common/mpegts/section.h"

namespace headwater::mpegts {

// The tables of service information (EN 300 468 section 5.2) as far as one section has them. What
// does not fit its own lengths is kBadBody, the whole section.

// NIT of this network and of others, and BAT (sections 5.2.1 and 5.2.2), which are of one form.
struct NetworkInformation {
  static constexpr uint8_t kActual = 0x40;
  static constexpr uint8_t kOther = 0x41;
  static constexpr uint8_t kBouquet = 0x4a;

  struct Transport {
    uint16_t transport_stream_id = 0;
    uint16_t original_network_id = 0;
    std::vector<Descriptor> descriptors;
    bool operator==(const Transport&) const = default;
  };

  uint8_t table_id = kActual;
  uint16_t id = 0;  // of the network or bouquet
  uint8_t version = 0;
  uint8_t number = 0;
  uint8_t last_number = 0;
  std::vector<Descriptor> descriptors;
  std::vector<Transport> transports;

  static Result<NetworkInformation, SectionError> Parse(const Section& section);
  bool operator==(const NetworkInformation&) const = default;
};

// SDT of this transport stream and of others (section 5.2.3).
struct ServiceInformation {
  static constexpr uint8_t kActual = 0x42;
  static constexpr uint8_t kOther = 0x46;

  struct Service {
    uint16_t service_id = 0;
    bool event_schedule = false;
    bool event_present = false;
    uint8_t running = 0;
    bool scrambled = false;  // free_CA_mode
    std::vector<Descriptor> descriptors;
    bool operator==(const Service&) const = default;
  };

  uint8_t table_id = kActual;
  uint16_t transport_stream_id = 0;
  uint16_t original_network_id = 0;
  uint8_t version = 0;
  uint8_t number = 0;
  uint8_t last_number = 0;
  std::vector<Service> services;

  static Result<ServiceInformation, SectionError> Parse(const Section& section);
  bool operator==(const ServiceInformation&) const = default;
};

// EIT (section 5.2.4), present/following and schedule.
struct EventInformation {
  static constexpr uint8_t kPresentActual = 0x4e;
  static constexpr uint8_t kPresentOther = 0x4f;
  static constexpr uint8_t kScheduleActualFirst = 0x50;
  static constexpr uint8_t kScheduleActualLast = 0x5f;
  static constexpr uint8_t kScheduleOtherLast = 0x6f;

  struct Event {
    uint16_t event_id = 0;
    int64_t start = 0;  // Unix seconds; 0: not told
    uint32_t seconds = 0;
    uint8_t running = 0;
    bool scrambled = false;
    std::vector<Descriptor> descriptors;
    bool operator==(const Event&) const = default;
  };

  uint8_t table_id = kPresentActual;
  uint16_t service_id = 0;
  uint16_t transport_stream_id = 0;
  uint16_t original_network_id = 0;
  uint8_t version = 0;
  uint8_t number = 0;
  uint8_t last_number = 0;
  std::vector<Event> events;

  bool present_following() const { return table_id <= kPresentOther; }
  static Result<EventInformation, SectionError> Parse(const Section& section);
  bool operator==(const EventInformation&) const = default;
};

// Annex C: 16 bits of modified Julian date, then hours, minutes and seconds in BCD. Nothing when
// all bits are set (not told) or a digit is none.
std::optional<int64_t> SiTime(Bytes five_bytes);
// "hhmmss" in BCD.
std::optional<uint32_t> SiDuration(Bytes three_bytes);

}  // namespace headwater::mpegts
