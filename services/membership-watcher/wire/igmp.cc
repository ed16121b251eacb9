#include "services/membership-watcher/wire/igmp.h"

#include <algorithm>
#include <utility>

#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"
#include "services/common/wire/checksum.h"
#include "services/membership-watcher/wire/float_code.h"
#include "services/membership-watcher/wire/query_report.h"

namespace headwater::membership {
namespace {

constexpr uint8_t kProtocolIgmp = 2;
constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionNop = 1;
constexpr uint8_t kOptionRouterAlert = 0x94;
constexpr uint8_t kTypeQuery = 0x11;
constexpr uint8_t kTypeReportV1 = 0x12;
constexpr uint8_t kTypeReportV2 = 0x16;
constexpr uint8_t kTypeLeaveV2 = 0x17;
constexpr uint8_t kTypeReportV3 = 0x22;
constexpr uint8_t kTypeSolicitation = 0x31;  // RFC 4286

constexpr size_t kShortBytes = 8;
constexpr auto kFamily = IpAddress::Family::kIpv4;
// What an IGMPv1 query, which has no such field, means (RFC 9776 section 4.1.1).
constexpr std::chrono::milliseconds kMaxResponseV1{10000};

bool HasRouterAlert(Bytes options) {
  ByteReader reader(options);
  while (reader.ok() && reader.remaining() > 0) {
    const uint8_t type = reader.U8();
    if (type == kOptionEnd) return false;
    if (type == kOptionNop) continue;
    const uint8_t length = reader.U8();
    if (length < 2) return false;
    ByteReader value(reader.Take(length - size_t{2}));
    // RFC 2113: the value is 0 for "examine packet".
    if (reader.ok() && type == kOptionRouterAlert && length == 4) return value.U16() == 0;
  }
  return false;
}

// RFC 9776 section 4.1; the length and the code tell the version (section 7.1).
//  |  Type = 0x11  | Max Resp Code |           Checksum            |
//  |                         Group Address                         |
//  and of IGMPv3 what ReadQueryTail reads
Result<Query, DropReason> ParseQuery(ByteReader& reader, uint8_t code, size_t size) {
  if (size < kShortBytes || (size > kShortBytes && size < kIgmpQueryBytes)) {
    return DropReason::kTruncated;
  }
  Query query;
  query.group = ReadAddress(reader, kFamily);
  if (!query.general() && !query.group.IsMulticast()) return DropReason::kGroup;
  if (size == kShortBytes) {
    query.version = code == 0 ? Version::kIgmpV1 : Version::kIgmpV2;
    query.max_response = code == 0 ? kMaxResponseV1 : std::chrono::milliseconds(code * 100);
    return query;
  }
  query.version = Version::kIgmpV3;
  query.max_response = std::chrono::milliseconds(DecodeFloatCode<4>(code) * 100);
  return ReadQueryTail(reader, std::move(query));
}

bool IsIgmpType(uint8_t type) {
  return type == kTypeQuery || type == kTypeReportV1 || type == kTypeReportV2 ||
         type == kTypeLeaveV2 || type == kTypeReportV3 || type == kTypeSolicitation;
}

// IGMPv1 knows no Router Alert, neither in its reports nor in its queries.
bool NeedsRouterAlert(uint8_t type, uint8_t code, size_t size) {
  if (type == kTypeReportV1) return false;
  return type != kTypeQuery || code != 0 || size != kShortBytes;
}

// A report may come from 0.0.0.0; loopback, group and broadcast addresses send nothing.
bool IsPossibleSource(const IpAddress& from) {
  return !from.IsMulticast() && !from.IsLoopback() && from.low32() != 0xffffffff;
}

uint16_t Checksum(Bytes bytes) {
  InternetChecksum checksum;
  checksum.Add(bytes);
  return checksum.Finish();
}

}  // namespace

Result<Message, DropReason> ParseIgmp(Bytes packet) {
  ByteReader ip(packet);
  const uint8_t version_and_length = ip.U8();
  const size_t header_bytes = size_t{version_and_length & 0x0fu} * 4;
  ip.Skip(1);
  const size_t total_bytes = ip.U16();
  ip.Skip(2);
  const uint16_t fragment = ip.U16();
  const uint8_t ttl = ip.U8();
  const uint8_t protocol = ip.U8();
  ip.Skip(2);
  const IpAddress from = ReadAddress(ip, kFamily);
  const IpAddress to = ReadAddress(ip, kFamily);
  if (!ip.ok()) return DropReason::kTruncated;
  if (version_and_length >> 4 != 4 || header_bytes < 20) return DropReason::kBadHeader;
  if (total_bytes < header_bytes || total_bytes > packet.size()) return DropReason::kTruncated;
  if (protocol != kProtocolIgmp) return DropReason::kNotMembership;
  if (Checksum(packet.first(header_bytes)) != 0) return DropReason::kBadHeader;
  if ((fragment & 0x3fff) != 0) return DropReason::kFragment;

  const Bytes options = packet.subspan(20, header_bytes - 20);
  const Bytes message = packet.subspan(header_bytes, total_bytes - header_bytes);
  ByteReader reader(message);
  const uint8_t type = reader.U8();
  const uint8_t code = reader.U8();
  reader.Skip(2);  // checksum: verified below over the whole
  if (!reader.ok()) return DropReason::kTruncated;
  if (!IsIgmpType(type)) return DropReason::kNotMembership;
  if (ttl != 1) return DropReason::kHopLimit;
  if (!IsPossibleSource(from)) {
    return type == kTypeQuery ? DropReason::kQuerySource : DropReason::kSource;
  }
  if (NeedsRouterAlert(type, code, message.size()) && !HasRouterAlert(options)) {
    return DropReason::kRouterAlert;
  }
  if (Checksum(message) != 0) return DropReason::kChecksum;

  if (type == kTypeQuery) return Envelope(from, to, ParseQuery(reader, code, message.size()));
  if (type == kTypeReportV3) return Envelope(from, to, ReadReport(reader, Version::kIgmpV3));
  if (type == kTypeSolicitation) return Message{from, to, RouterSolicitation{}};
  const Version version = type == kTypeReportV1 ? Version::kIgmpV1 : Version::kIgmpV2;
  return Envelope(from, to, ReadOlderReport(reader, version, type == kTypeLeaveV2));
}

void SerializeIgmpQuery(const Query& query, std::vector<uint8_t>& out) {
  const size_t start = out.size();
  ByteWriter writer(out);
  const auto tenths = static_cast<uint64_t>(query.max_response.count() / 100);
  uint8_t code = 0;
  if (query.version == Version::kIgmpV2) {
    code = static_cast<uint8_t>(std::clamp<uint64_t>(tenths, 1, 255));
  } else if (query.version == Version::kIgmpV3) {
    code = static_cast<uint8_t>(EncodeFloatCode<4>(tenths));
  }
  writer.U8(kTypeQuery);
  writer.U8(code);
  writer.Zeros(2);
  writer.U32(query.general() ? 0 : query.group.low32());
  if (query.version == Version::kIgmpV3) WriteQueryTail(query, writer);
  writer.PatchU16(2, Checksum(Bytes(out).subspan(start)));
}

}  // namespace headwater::membership
