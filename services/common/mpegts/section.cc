#include "services/common/mpegts/section.h"

#include <array>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"

namespace headwater::mpegts {
namespace {

// Table id, flags and length.
constexpr size_t kHeadSize = 3;
// Extension, version, section number and last section number.
constexpr size_t kLongHeadSize = 5;
constexpr size_t kCrcSize = 4;
constexpr uint8_t kStuffing = 0xff;
constexpr uint8_t kFirstSiTable = 0x40;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i << 24;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x80000000) != 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    }
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

size_t SectionSize(Bytes head) { return kHeadSize + ((head[1] & 0x0fu) << 8 | head[2]); }

}  // namespace

uint32_t Crc32(Bytes bytes) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) crc = crc << 8 ^ kCrcTable[(crc >> 24 ^ byte) & 0xff];
  return crc;
}

Result<Section, SectionError> ParseSection(Bytes bytes) {
  ByteReader reader(bytes);
  Section section;
  section.table_id = reader.U8();
  const uint16_t length = reader.U16();
  if (!reader.ok()) return SectionError::kTooShort;
  if ((length & 0x8000) == 0) return SectionError::kShortForm;
  const size_t size = length & 0x0fff;
  if (size != reader.remaining() || size < kLongHeadSize + kCrcSize || bytes.size() > kSectionMax) {
    return SectionError::kBadLength;
  }
  if (Crc32(bytes) != 0) return SectionError::kBadCrc;
  section.extension = reader.U16();
  const uint8_t version = reader.U8();
  section.version = version >> 1 & 0x1f;
  section.current = (version & 1) != 0;
  section.number = reader.U8();
  section.last_number = reader.U8();
  section.body = reader.Take(reader.remaining() - kCrcSize);
  return section;
}

void Section::SerializeTo(std::vector<uint8_t>& out) const {
  HW_CHECK(body.size() <= kSectionMax - kHeadSize - kLongHeadSize - kCrcSize);
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.U8(table_id);
  const size_t size = kLongHeadSize + body.size() + kCrcSize;
  writer.U16(static_cast<uint16_t>((table_id >= kFirstSiTable ? 0xf000 : 0xb000) | size));
  writer.U16(extension);
  writer.U8(static_cast<uint8_t>(0xc0 | (version & 0x1f) << 1 | (current ? 1 : 0)));
  writer.U8(number);
  writer.U8(last_number);
  writer.Append(body);
  writer.U32(Crc32(Bytes(out).subspan(start)));
}

void SectionAssembler::Push(const Packet& packet, std::vector<std::vector<uint8_t>>& sections) {
  const ContinuityCounter::Verdict verdict = continuity_.Check(packet);
  if (!packet.has_payload || verdict == ContinuityCounter::Verdict::kRepeated) return;
  if (verdict == ContinuityCounter::Verdict::kGap) open_ = false;
  Bytes payload = packet.payload;
  if (!packet.unit_start) {
    if (open_) Take(payload, sections);
    return;
  }
  // The pointer field (section 2.4.4.2): where the first section that begins here begins; before it
  // is the end of the one before.
  if (payload.empty() || payload[0] >= payload.size()) {
    open_ = false;
    return;
  }
  const size_t pointer = payload[0];
  payload = payload.subspan(1);
  if (open_) Take(payload.first(pointer), sections);
  held_.clear();
  open_ = true;
  Take(payload.subspan(pointer), sections);
}

void SectionAssembler::Take(Bytes bytes, std::vector<std::vector<uint8_t>>& sections) {
  if (held_.empty() && !bytes.empty() && bytes[0] == kStuffing) open_ = false;
  if (!open_) return;
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  size_t first = 0;
  while (held_.size() - first >= kHeadSize) {
    const Bytes rest = Bytes(held_).subspan(first);
    // To the end of the packet.
    if (rest[0] == kStuffing) {
      first = held_.size();
      open_ = false;
      break;
    }
    const size_t size = SectionSize(rest);
    if (size > kSectionMax) {
      first = held_.size();
      open_ = false;
      break;
    }
    if (rest.size() < size) break;
    sections.emplace_back(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(size));
    first += size;
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(first));
}

void PacketizeSection(Bytes section, Pid pid, uint8_t& continuity, std::vector<uint8_t>& out) {
  // Stuffed behind the section, not in front: some receivers want no adaptation field here.
  std::vector<uint8_t> unit(1, 0);
  unit.insert(unit.end(), section.begin(), section.end());
  constexpr size_t kRoom = kPacketSize - 4;
  unit.resize((unit.size() + kRoom - 1) / kRoom * kRoom, kStuffing);
  Packet packet = {.pid = pid, .unit_start = true, .has_payload = true};
  for (Bytes rest = unit; !rest.empty();) {
    packet.continuity = continuity;
    continuity = (continuity + 1) & 0x0f;
    packet.payload = rest;
    rest = rest.subspan(packet.SerializeTo(out));
    packet.unit_start = false;
  }
}

}  // namespace headwater::mpegts
