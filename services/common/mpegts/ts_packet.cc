#include "services/common/mpegts/ts_packet.h"

#include <algorithm>

#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"

namespace headwater::mpegts {
namespace {

constexpr size_t kHeaderSize = 4;
constexpr size_t kPcrSize = 6;

constexpr uint8_t kFlagDiscontinuity = 0x80;
constexpr uint8_t kFlagRandomAccess = 0x40;
constexpr uint8_t kFlagPcr = 0x10;

// 33 bits in 90 kHz, 6 reserved, 9 bits of 1/300. Nothing: that last part is no such fraction.
std::optional<uint64_t> ReadPcr(ByteReader& reader) {
  const uint64_t high = reader.U32();
  const uint64_t low = reader.U16();
  const uint64_t extension = low & 0x1ff;
  if (extension >= 300) return std::nullopt;
  return (high << 1 | low >> 15) * 300 + extension;
}

void WritePcr(uint64_t pcr, ByteWriter& writer) {
  const uint64_t base = pcr / 300;
  writer.U32(static_cast<uint32_t>(base >> 1));
  writer.U16(static_cast<uint16_t>((base & 1) << 15 | 0x7e00 | pcr % 300));
}

// False: it is longer than the packet.
bool ParseAdaptationField(Bytes field, Packet& packet) {
  if (field.empty()) return true;
  ByteReader reader(field);
  const uint8_t flags = reader.U8();
  packet.discontinuity = (flags & kFlagDiscontinuity) != 0;
  packet.random_access = (flags & kFlagRandomAccess) != 0;
  if ((flags & kFlagPcr) != 0) packet.pcr = ReadPcr(reader);
  return reader.ok();
}

}  // namespace

Result<Packet, PacketError> ParsePacket(Bytes bytes) {
  if (bytes.size() < kPacketSize) return PacketError::kTooShort;
  ByteReader reader(bytes.first(kPacketSize));
  if (reader.U8() != kSync) return PacketError::kNoSync;
  Packet packet;
  const uint16_t flags = reader.U16();
  packet.error = (flags & 0x8000) != 0;
  packet.unit_start = (flags & 0x4000) != 0;
  packet.pid = Pid(flags & 0x1fff);
  const uint8_t control = reader.U8();
  packet.scrambled = (control & 0xc0) != 0;
  packet.continuity = control & 0x0f;
  packet.has_payload = (control & 0x10) != 0;
  if ((control & 0x20) != 0) {
    const uint8_t length = reader.U8();
    const Bytes field = reader.Take(length);
    if (!reader.ok() || !ParseAdaptationField(field, packet)) {
      return PacketError::kBadAdaptationField;
    }
  }
  if (packet.has_payload) packet.payload = reader.Rest();
  return packet;
}

size_t Packet::SerializeTo(std::vector<uint8_t>& out) const {
  const bool flags = discontinuity || random_access || pcr.has_value();
  // Length and flags; a field of length 0 fills one byte.
  size_t field = flags ? 2 + (pcr ? kPcrSize : 0) : 0;
  const size_t room = kPacketSize - kHeaderSize - field;
  const size_t taken = has_payload ? std::min(payload.size(), room) : 0;
  field += room - taken;

  ByteWriter writer(out);
  writer.U8(kSync);
  writer.U16(static_cast<uint16_t>((error ? 0x8000 : 0) | (unit_start ? 0x4000 : 0) |
                                   (static_cast<uint16_t>(pid) & 0x1fff)));
  writer.U8(static_cast<uint8_t>((scrambled ? 0x80 : 0) | (field > 0 ? 0x20 : 0) |
                                 (has_payload ? 0x10 : 0) | (continuity & 0x0f)));
  if (field > 0) writer.U8(static_cast<uint8_t>(field - 1));
  if (field > 1) {
    writer.U8(static_cast<uint8_t>((discontinuity ? kFlagDiscontinuity : 0) |
                                   (random_access ? kFlagRandomAccess : 0) | (pcr ? kFlagPcr : 0)));
    if (pcr) WritePcr(*pcr, writer);
    while (writer.size() < kHeaderSize + field) writer.U8(0xff);
  }
  writer.Append(payload.first(taken));
  return taken;
}

ContinuityCounter::Verdict ContinuityCounter::Check(const Packet& packet) {
  if (packet.discontinuity) last_.reset();
  if (!packet.has_payload) return packet.discontinuity ? Verdict::kGap : Verdict::kNext;
  const std::optional<uint8_t> last = last_;
  const bool same = std::ranges::equal(packet.payload, last_payload_);
  last_ = packet.continuity;
  last_payload_.assign(packet.payload.begin(), packet.payload.end());
  if (!last) return Verdict::kGap;
  // By the number alone, one of 16 gaps would pass for a repetition.
  if (packet.continuity == *last) return same ? Verdict::kRepeated : Verdict::kGap;
  return packet.continuity == ((*last + 1) & 0x0f) ? Verdict::kNext : Verdict::kGap;
}

}  // namespace headwater::mpegts
