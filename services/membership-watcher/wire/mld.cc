#include "services/membership-watcher/wire/mld.h"

#include <utility>

#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"
#include "services/common/wire/checksum.h"
#include "services/membership-watcher/wire/float_code.h"
#include "services/membership-watcher/wire/query_report.h"

namespace headwater::membership {
namespace {

constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kIcmpV6 = 58;
constexpr uint8_t kOptionPad1 = 0;
constexpr uint8_t kOptionRouterAlert = 5;
constexpr uint8_t kTypeQuery = 130;
constexpr uint8_t kTypeReportV1 = 131;
constexpr uint8_t kTypeDone = 132;
constexpr uint8_t kTypeReportV2 = 143;
constexpr uint8_t kTypeSolicitation = 152;  // RFC 4286

constexpr size_t kV1Bytes = 24;
constexpr auto kFamily = IpAddress::Family::kIpv6;

bool IsMldType(uint8_t type) {
  return type == kTypeQuery || type == kTypeReportV1 || type == kTypeDone ||
         type == kTypeReportV2 || type == kTypeSolicitation;
}

// Whether the options hold a Router Alert whose value is 0, "MLD message" (RFC 2711).
bool HasRouterAlert(Bytes options) {
  ByteReader reader(options);
  while (reader.ok() && reader.remaining() > 0) {
    const uint8_t type = reader.U8();
    if (type == kOptionPad1) continue;
    const uint8_t length = reader.U8();
    ByteReader value(reader.Take(length));
    if (reader.ok() && type == kOptionRouterAlert && length == 2) return value.U16() == 0;
  }
  return false;
}

// RFC 9777 section 5.1; the length tells the version (section 8.1).
//  0                   1                   2                   3
//  |  Type = 130   |      Code     |           Checksum            |
//  |    Maximum Response Code      |           Reserved            |
//  |                  Multicast Address (16 bytes)                 |
//  and of MLDv2 what ReadQueryTail reads
Result<Query, DropReason> ParseQuery(ByteReader& reader, size_t size) {
  if (size < kV1Bytes || (size > kV1Bytes && size < kMldQueryBytes)) return DropReason::kTruncated;
  Query query;
  const uint16_t code = reader.U16();
  reader.Skip(2);
  query.group = ReadAddress(reader, kFamily);
  if (!query.general() && !query.group.IsMulticast()) return DropReason::kGroup;
  if (size == kV1Bytes) {
    query.version = Version::kMldV1;
    query.max_response = std::chrono::milliseconds(code);
    return query;
  }
  query.max_response = std::chrono::milliseconds(DecodeFloatCode<12>(code));
  return ReadQueryTail(reader, std::move(query));
}

}  // namespace

Result<Message, DropReason> ParseMld(Bytes packet) {
  ByteReader ip(packet);
  const uint32_t first = ip.U32();
  const uint16_t payload_bytes = ip.U16();
  const uint8_t next_header = ip.U8();
  const uint8_t hop_limit = ip.U8();
  const IpAddress from = ReadAddress(ip, kFamily);
  const IpAddress to = ReadAddress(ip, kFamily);
  if (!ip.ok()) return DropReason::kTruncated;
  if (first >> 28 != 6) return DropReason::kBadHeader;
  const Bytes payload = ip.Take(payload_bytes);
  if (!ip.ok()) return DropReason::kTruncated;

  ByteReader next(payload);
  uint8_t protocol = next_header;
  bool router_alert = false;
  if (next_header == kHopByHop) {
    protocol = next.U8();
    const size_t options = size_t{next.U8()} * 8 + 6;
    router_alert = HasRouterAlert(next.Take(options));
    if (!next.ok()) return DropReason::kTruncated;
  }
  if (protocol != kIcmpV6) return DropReason::kNotMembership;
  const Bytes message = next.Rest();
  ByteReader reader(message);
  const uint8_t type = reader.U8();
  reader.Skip(3);  // code: ignored by receivers; checksum: verified below over the whole
  if (!reader.ok()) return DropReason::kTruncated;
  if (!IsMldType(type)) return DropReason::kNotMembership;
  if (hop_limit != 1) return DropReason::kHopLimit;
  if (!from.IsLinkLocal()) {
    return type == kTypeQuery ? DropReason::kQuerySource : DropReason::kSource;
  }
  if (!router_alert) return DropReason::kRouterAlert;
  if (Ipv6Checksum(from.bytes(), to.bytes(), kIcmpV6, message) != 0) return DropReason::kChecksum;

  if (type == kTypeQuery) return Envelope(from, to, ParseQuery(reader, message.size()));
  if (type == kTypeReportV2) return Envelope(from, to, ReadReport(reader, Version::kMldV2));
  if (type == kTypeSolicitation) return Message{from, to, RouterSolicitation{}};
  // RFC 2710 section 3: like a query of 24 bytes.
  reader.Skip(4);
  return Envelope(from, to, ReadOlderReport(reader, Version::kMldV1, type == kTypeDone));
}

void SerializeMldQuery(const Query& query, const IpAddress& from, const IpAddress& to,
                       std::vector<uint8_t>& out) {
  const size_t start = out.size();
  ByteWriter writer(out);
  const auto milliseconds = static_cast<uint64_t>(query.max_response.count());
  const bool older = query.version == Version::kMldV1;
  writer.U8(kTypeQuery);
  writer.Zeros(3);
  writer.U16(older ? static_cast<uint16_t>(std::min<uint64_t>(milliseconds, 0xffff))
                   : static_cast<uint16_t>(EncodeFloatCode<12>(milliseconds)));
  writer.Zeros(2);
  writer.Append(query.group.bytes());
  if (!older) WriteQueryTail(query, writer);
  writer.PatchU16(2, Ipv6Checksum(from.bytes(), to.bytes(), kIcmpV6, Bytes(out).subspan(start)));
}

}  // namespace headwater::membership
