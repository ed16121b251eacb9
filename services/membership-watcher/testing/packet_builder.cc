#include "services/membership-watcher/testing/packet_builder.h"

#include "services/common/base/check.h"
#include "services/common/wire/byte_writer.h"
#include "services/common/wire/checksum.h"
#include "services/membership-watcher/wire/igmp.h"
#include "services/membership-watcher/wire/mld.h"

namespace headwater::membership {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

uint8_t TypeOf(const Report& report) {
  const bool leave = report.records.front().type == RecordType::kToInclude;
  switch (report.version) {
    case Version::kIgmpV1:
      return 0x12;
    case Version::kIgmpV2:
      return leave ? 0x17 : 0x16;
    case Version::kIgmpV3:
      return 0x22;
    case Version::kMldV1:
      return leave ? 132 : 131;
    case Version::kMldV2:
      return 143;
  }
  HW_CHECK(false);
}

IpAddress DestinationOf(const Report& report) {
  const bool leave = report.records.front().type == RecordType::kToInclude;
  if (report.version == Version::kIgmpV3) return Address("224.0.0.22");
  if (report.version == Version::kMldV2) return Address("ff02::16");
  if (!leave) return report.records.front().group;
  return report.version == Version::kMldV1 ? Address("ff02::2") : Address("224.0.0.2");
}

void WriteRecords(const Report& report, ByteWriter& writer) {
  writer.Zeros(2);
  writer.U16(static_cast<uint16_t>(report.records.size()));
  for (const Record& record : report.records) {
    writer.U8(static_cast<uint8_t>(record.type));
    writer.U8(0);
    writer.U16(static_cast<uint16_t>(record.sources.size()));
    writer.Append(record.group.bytes());
    for (const IpAddress& source : record.sources) writer.Append(source.bytes());
  }
}

}  // namespace

void FixChecksum(const IpAddress& from, const IpAddress& to, std::vector<uint8_t>& message,
                 bool wrong) {
  message[2] = message[3] = 0;
  uint16_t checksum = 0;
  if (from.is_v6()) {
    checksum = Ipv6Checksum(from.bytes(), to.bytes(), 58, message);
  } else {
    InternetChecksum sum;
    sum.Add(message);
    checksum = sum.Finish();
  }
  if (wrong) checksum ^= 0x5555;
  message[2] = static_cast<uint8_t>(checksum >> 8);
  message[3] = static_cast<uint8_t>(checksum);
}

std::vector<uint8_t> FromHex(std::string_view text) {
  std::vector<uint8_t> bytes;
  int high = -1;
  for (char c : text) {
    const int digit = HexDigit(c);
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return bytes;
}

IpAddress Address(std::string_view text) {
  const auto address = IpAddress::Parse(text);
  HW_CHECK(address.has_value());
  return *address;
}

std::vector<uint8_t> WrapPacket(const IpAddress& from, const IpAddress& to,
                                const std::vector<uint8_t>& message, const PacketFaults& faults) {
  std::vector<uint8_t> packet;
  ByteWriter writer(packet);
  if (from.is_v6()) {
    writer.U32(0x60000000);
    writer.U16(static_cast<uint16_t>(message.size() + (faults.router_alert ? 8 : 0)));
    writer.U8(faults.router_alert ? 0 : 58);
    writer.U8(faults.hop_limit);
    writer.Append(from.bytes());
    writer.Append(to.bytes());
    if (faults.router_alert) writer.U64(0x3a00050200000100);
    writer.Append(message);
    return packet;
  }
  const uint16_t header = faults.router_alert ? 24 : 20;
  writer.U8(static_cast<uint8_t>(0x40 | header / 4));
  writer.U8(0xc0);
  writer.U16(static_cast<uint16_t>(message.size() + header));
  writer.U32(0x00004000);
  writer.U8(faults.hop_limit);
  writer.U8(2);
  writer.U16(0);
  writer.Append(from.bytes());
  writer.Append(to.bytes());
  if (faults.router_alert) writer.U32(0x94040000);
  InternetChecksum sum;
  sum.Add(packet);
  writer.PatchU16(10, sum.Finish());
  writer.Append(message);
  return packet;
}

std::vector<uint8_t> ReportPacket(std::string_view from, const Report& report,
                                  const PacketFaults& faults) {
  HW_CHECK(!report.records.empty());
  const IpAddress source = Address(from);
  const IpAddress to = DestinationOf(report);
  std::vector<uint8_t> message;
  ByteWriter writer(message);
  writer.U8(TypeOf(report));
  writer.Zeros(3);
  if (IsOlder(report.version)) {
    if (report.version == Version::kMldV1) writer.Zeros(4);
    writer.Append(report.records.front().group.bytes());
  } else {
    WriteRecords(report, writer);
  }
  FixChecksum(source, to, message, faults.bad_checksum);
  return WrapPacket(source, to, message, faults);
}

std::vector<uint8_t> QueryPacket(std::string_view from, const Query& query,
                                 const PacketFaults& faults) {
  const IpAddress source = Address(from);
  std::vector<uint8_t> message;
  const IpAddress all = source.is_v6() ? Address("ff02::1") : Address("224.0.0.1");
  const IpAddress to = query.general() ? all : query.group;
  if (source.is_v6()) {
    SerializeMldQuery(query, source, to, message);
  } else {
    SerializeIgmpQuery(query, message);
  }
  FixChecksum(source, to, message, faults.bad_checksum);
  return WrapPacket(source, to, message, faults);
}

}  // namespace headwater::membership
