#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/common/mpegts/section.h"

namespace headwater::mpegts {

// Any descriptor (ISO 13818-1 section 2.6, EN 300 468 section 6). At most 255 bytes.
struct Descriptor {
  uint8_t tag = 0;
  std::vector<uint8_t> bytes;
  bool operator==(const Descriptor&) const = default;
};

// Appends them; `bytes` are descriptors and nothing else. False when the last one is cut off.
bool ParseDescriptors(Bytes bytes, std::vector<Descriptor>& out);

// Which programmes there are (section 2.4.4.3): one section's worth, 253 at most.
struct ProgramAssociation {
  static constexpr uint8_t kTableId = 0x00;

  struct Program {
    uint16_t number = 0;  // never 0: that row names the network's PID, and is left out
    Pid map = Pid::kNull;
    bool operator==(const Program&) const = default;
  };

  uint16_t transport_stream_id = 0;
  uint8_t version = 0;
  std::vector<Program> programs;

  static Result<ProgramAssociation, SectionError> Parse(const Section& section);
  void SerializeTo(std::vector<uint8_t>& out) const;
  bool operator==(const ProgramAssociation&) const = default;
};

struct ElementaryStream {
  uint8_t type = 0;  // ISO 13818-1 table 2-34
  Pid pid = Pid::kNull;
  std::vector<Descriptor> descriptors;
  bool operator==(const ElementaryStream&) const = default;
};

// What one programme is made of (section 2.4.4.8).
struct ProgramMap {
  static constexpr uint8_t kTableId = 0x02;

  uint16_t program = 0;
  uint8_t version = 0;
  Pid pcr = Pid::kNull;
  std::vector<Descriptor> descriptors;
  std::vector<ElementaryStream> streams;

  static Result<ProgramMap, SectionError> Parse(const Section& section);
  // As much as fits one section must be asked for.
  void SerializeTo(std::vector<uint8_t>& out) const;
  bool operator==(const ProgramMap&) const = default;
};

// The names of services (EN 300 468 section 5.2.3), written only.
struct ServiceDescription {
  static constexpr uint8_t kTableId = 0x42;  // of this transport stream

  uint16_t transport_stream_id = 0;
  uint16_t original_network_id = 0;
  uint8_t version = 0;
  uint16_t service_id = 0;
  uint8_t service_type = 0;  // table 87
  // UTF-8, cut to 76 bytes at a character: the section fits one packet.
  std::string_view provider;
  std::string_view name;

  void SerializeTo(std::vector<uint8_t>& out) const;
};

}  // namespace headwater::mpegts
