#include "services/rtp-packager/rtp/rtcp_packet.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"

namespace headwater {
namespace {

constexpr uint8_t kTypeSr = 200;
constexpr uint8_t kTypeRr = 201;
constexpr uint8_t kTypeSdes = 202;
constexpr uint8_t kTypeBye = 203;
constexpr uint8_t kItemCname = 1;
constexpr size_t kCountMax = 31;
constexpr size_t kTextMax = 255;

// RFC 3550 section 6.4.1, 24 bytes.
ReportBlock ReadBlock(ByteReader& reader) {
  ReportBlock block;
  block.ssrc = Ssrc{reader.U32()};
  const uint32_t lost = reader.U32();
  block.fraction_lost = static_cast<uint8_t>(lost >> 24);
  // Sign extension of the lower 24 bits.
  block.cumulative_lost = static_cast<int32_t>(lost << 8) >> 8;
  block.highest_sequence = reader.U32();
  block.jitter = reader.U32();
  block.last_sr = reader.U32();
  block.delay_since_last_sr = reader.U32();
  return block;
}

std::vector<ReportBlock> ReadBlocks(ByteReader& reader, size_t count) {
  std::vector<ReportBlock> blocks;
  for (size_t i = 0; i < count && reader.ok(); ++i) blocks.push_back(ReadBlock(reader));
  return blocks;
}

SenderReport ReadSr(ByteReader& reader, size_t count) {
  SenderReport report;
  report.ssrc = Ssrc{reader.U32()};
  report.ntp = NtpTime(reader.U64());
  report.timestamp = RtpTimestamp(reader.U32());
  report.packets = reader.U32();
  report.octets = reader.U32();
  report.blocks = ReadBlocks(reader, count);
  return report;
}

ReceiverReport ReadRr(ByteReader& reader, size_t count) {
  ReceiverReport report;
  report.ssrc = Ssrc{reader.U32()};
  report.blocks = ReadBlocks(reader, count);
  return report;
}

// Section 6.5: per chunk an SSRC, items, a zero item and zeros to the next 32-bit border.
SourceDescription ReadSdes(ByteReader& reader, size_t count) {
  SourceDescription description;
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    SourceDescription::Chunk& chunk = description.chunks.emplace_back();
    chunk.ssrc = Ssrc{reader.U32()};
    while (reader.ok()) {
      const uint8_t type = reader.U8();
      if (type == 0) break;
      const Bytes text = reader.Take(reader.U8());
      if (type == kItemCname) chunk.cname = AsText(text);
    }
    // Packets and chunks begin on the border, so the position within the packet tells the padding.
    while (reader.ok() && reader.position() % 4 != 0) reader.Skip(1);
  }
  return description;
}

// Section 6.6.
Bye ReadBye(ByteReader& reader, size_t count) {
  Bye bye;
  for (size_t i = 0; i < count && reader.ok(); ++i) bye.ssrcs.push_back(Ssrc{reader.U32()});
  if (reader.ok() && reader.remaining() > 0) bye.reason = AsText(reader.Take(reader.U8()));
  return bye;
}

// Body of one packet behind its 4-byte header; nothing for types that are skipped.
std::optional<RtcpPacket> ReadBody(uint8_t type, size_t count, ByteReader& reader) {
  switch (type) {
    case kTypeSr:
      return ReadSr(reader, count);
    case kTypeRr:
      return ReadRr(reader, count);
    case kTypeSdes:
      return ReadSdes(reader, count);
    case kTypeBye:
      return ReadBye(reader, count);
    default:
      return std::nullopt;
  }
}

void Write(const ReportBlock& block, ByteWriter& writer) {
  writer.U32(static_cast<uint32_t>(block.ssrc));
  writer.U32((uint32_t{block.fraction_lost} << 24) |
             (static_cast<uint32_t>(block.cumulative_lost) & 0xffffff));
  writer.U32(block.highest_sequence);
  writer.U32(block.jitter);
  writer.U32(block.last_sr);
  writer.U32(block.delay_since_last_sr);
}

void WriteBody(const SenderReport& report, ByteWriter& writer) {
  writer.U32(static_cast<uint32_t>(report.ssrc));
  writer.U64(report.ntp.value());
  writer.U32(report.timestamp.value());
  writer.U32(report.packets);
  writer.U32(report.octets);
  for (const ReportBlock& block : report.blocks) Write(block, writer);
}

void WriteBody(const ReceiverReport& report, ByteWriter& writer) {
  writer.U32(static_cast<uint32_t>(report.ssrc));
  for (const ReportBlock& block : report.blocks) Write(block, writer);
}

void WriteBody(const SourceDescription& description, ByteWriter& writer) {
  for (const SourceDescription::Chunk& chunk : description.chunks) {
    writer.U32(static_cast<uint32_t>(chunk.ssrc));
    if (!chunk.cname.empty()) {
      HW_CHECK(chunk.cname.size() <= kTextMax);
      writer.U8(kItemCname);
      writer.U8(static_cast<uint8_t>(chunk.cname.size()));
      writer.Append(AsBytes(chunk.cname));
    }
    // The end item and its padding: at least one zero.
    writer.Zeros(4 - writer.size() % 4);
  }
}

void WriteBody(const Bye& bye, ByteWriter& writer) {
  for (const Ssrc ssrc : bye.ssrcs) writer.U32(static_cast<uint32_t>(ssrc));
  if (bye.reason.empty()) return;
  HW_CHECK(bye.reason.size() <= kTextMax);
  writer.U8(static_cast<uint8_t>(bye.reason.size()));
  writer.Append(AsBytes(bye.reason));
  writer.Zeros((4 - writer.size() % 4) % 4);
}

struct TypeAndCount {
  uint8_t type;
  size_t count;
};
TypeAndCount HeadOf(const SenderReport& report) { return {kTypeSr, report.blocks.size()}; }
TypeAndCount HeadOf(const ReceiverReport& report) { return {kTypeRr, report.blocks.size()}; }
TypeAndCount HeadOf(const SourceDescription& sdes) { return {kTypeSdes, sdes.chunks.size()}; }
TypeAndCount HeadOf(const Bye& bye) { return {kTypeBye, bye.ssrcs.size()}; }

std::string Describe(const SenderReport& report) {
  return fmt::format("SR ssrc={:08x} ntp={:016x} ts={} packets={} octets={} blocks={}",
                     static_cast<uint32_t>(report.ssrc), report.ntp.value(),
                     report.timestamp.value(), report.packets, report.octets, report.blocks.size());
}
std::string Describe(const ReceiverReport& report) {
  return fmt::format("RR ssrc={:08x} blocks={}", static_cast<uint32_t>(report.ssrc),
                     report.blocks.size());
}
std::string Describe(const SourceDescription& sdes) {
  std::string text = "SDES";
  for (const auto& chunk : sdes.chunks) {
    text += fmt::format(" {:08x}={}", static_cast<uint32_t>(chunk.ssrc), chunk.cname);
  }
  return text;
}
std::string Describe(const Bye& bye) {
  std::string text = "BYE";
  for (const Ssrc ssrc : bye.ssrcs) text += fmt::format(" {:08x}", static_cast<uint32_t>(ssrc));
  return text;
}

}  // namespace

const char* ToString(RtcpError error) {
  switch (error) {
    case RtcpError::kTruncated:
      return "truncated";
    case RtcpError::kVersion:
      return "version";
    case RtcpError::kPadding:
      return "padding";
    case RtcpError::kFirstPacket:
      return "first_packet";
    case RtcpError::kTooMany:
      return "too_many";
  }
  return "unknown";
}

// The header of every RTCP packet (RFC 3550 section 6.4.1 and appendix A.2).
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |V=2|P|  count  |      PT       |   length in words, minus one  |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
Result<std::vector<RtcpPacket>, RtcpError> ParseRtcp(Bytes bytes) {
  std::vector<RtcpPacket> packets;
  ByteReader compound(bytes);
  size_t seen = 0;
  do {
    const uint8_t flags = compound.U8();
    const uint8_t type = compound.U8();
    Bytes body = compound.Take(size_t{4} * compound.U16());
    if (!compound.ok()) return RtcpError::kTruncated;
    if (flags >> 6 != 2) return RtcpError::kVersion;
    if (++seen > kRtcpPacketsMax) return RtcpError::kTooMany;
    if (seen == 1 && type != kTypeSr && type != kTypeRr) return RtcpError::kFirstPacket;
    if ((flags & 0x20) != 0) {
      if (compound.remaining() > 0 || body.empty()) return RtcpError::kPadding;
      const size_t padding = body.back();
      if (padding == 0 || padding % 4 != 0 || padding > body.size()) return RtcpError::kPadding;
      body = body.first(body.size() - padding);
    }
    ByteReader reader(body);
    std::optional<RtcpPacket> packet = ReadBody(type, flags & 0x1f, reader);
    if (!reader.ok()) return RtcpError::kTruncated;
    if (packet.has_value()) packets.push_back(*std::move(packet));
  } while (compound.remaining() > 0);
  return packets;
}

void SerializeTo(const RtcpPacket& packet, std::vector<uint8_t>& out) {
  const TypeAndCount head = std::visit([](const auto& body) { return HeadOf(body); }, packet);
  HW_CHECK(head.count <= kCountMax);
  ByteWriter writer(out);
  writer.U8(static_cast<uint8_t>(0x80 | head.count));
  writer.U8(head.type);
  writer.U16(0);
  std::visit([&](const auto& body) { WriteBody(body, writer); }, packet);
  HW_CHECK(writer.size() % 4 == 0);
  writer.PatchU16(2, static_cast<uint16_t>(writer.size() / 4 - 1));
}

std::string ToString(const RtcpPacket& packet) {
  return std::visit([](const auto& body) { return Describe(body); }, packet);
}

}  // namespace headwater
