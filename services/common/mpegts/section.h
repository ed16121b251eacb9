#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/common/mpegts/ts_packet.h"

namespace headwater::mpegts {

// Of PSI 1024, of private and SI sections 4096 (ISO 13818-1 section 2.4.4, EN 300 468 section 5.1).
inline constexpr size_t kSectionMax = 4096;

// ISO 13818-1 annex A: 0 over bytes that end with their own CRC.
uint32_t Crc32(Bytes bytes);

enum class SectionError : uint8_t { kTooShort, kShortForm, kBadLength, kBadCrc, kBadBody };

// A section in the long form (section_syntax_indicator set), CRC checked and left out.
struct Section {
  uint8_t table_id = 0;
  uint16_t extension = 0;  // transport stream, programme or service id
  uint8_t version = 0;     // 5 bits
  bool current = true;     // false: not valid yet
  uint8_t number = 0;
  uint8_t last_number = 0;
  Bytes body;

  // Appends the section with its CRC. The body has at most kSectionMax - 12 bytes. SI tables (from
  // 0x40 on) set the bit behind the syntax indicator, PSI tables do not.
  void SerializeTo(std::vector<uint8_t>& out) const;
};

// `bytes` is exactly one section; the body is a view of them.
Result<Section, SectionError> ParseSection(Bytes bytes);

// Puts the sections of one PID together from its packets. Holds one section at most; one that is
// not continued as it should be is dropped.
class SectionAssembler {
 public:
  // Appends those that the packet has completed: unchecked, table id first.
  void Push(const Packet& packet, std::vector<std::vector<uint8_t>>& sections);

 private:
  void Take(Bytes bytes, std::vector<std::vector<uint8_t>>& sections);

  ContinuityCounter continuity_;
  bool open_ = false;  // a section has begun, or may begin here
  std::vector<uint8_t> held_;
};

// Appends one whole section as packets of a PID; `continuity` goes on.
void PacketizeSection(Bytes section, Pid pid, uint8_t& continuity, std::vector<uint8_t>& out);

}  // namespace headwater::mpegts
