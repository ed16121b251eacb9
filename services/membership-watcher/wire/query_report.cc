#include "services/membership-watcher/wire/query_report.h"

#include <algorithm>
#include <array>
#include <utility>

#include "services/membership-watcher/wire/float_code.h"

namespace headwater::membership {
namespace {

IpAddress::Family FamilyOf(Version version) {
  return IsMld(version) ? IpAddress::Family::kIpv6 : IpAddress::Family::kIpv4;
}

// False when fewer than `count` are there: nothing is made room for that has not come.
bool ReadSources(ByteReader& reader, IpAddress::Family family, size_t count,
                 std::vector<IpAddress>& out) {
  const size_t size = family == IpAddress::Family::kIpv4 ? 4 : 16;
  if (!reader.ok() || count * size > reader.remaining()) return false;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(ReadAddress(reader, family));
  return true;
}

}  // namespace

IpAddress ReadAddress(ByteReader& reader, IpAddress::Family family) {
  if (family == IpAddress::Family::kIpv4) return IpAddress::V4(reader.U32());
  std::array<uint8_t, 16> bytes = {};
  const Bytes field = reader.Take(bytes.size());
  std::copy(field.begin(), field.end(), bytes.begin());
  return IpAddress::V6(bytes);
}

Result<Query, DropReason> ReadQueryTail(ByteReader& reader, Query query) {
  const uint8_t flags = reader.U8();
  query.suppress = (flags & 0x08) != 0;
  query.robustness = flags & 0x07;
  query.query_interval = std::chrono::seconds(DecodeFloatCode<4>(reader.U8()));
  const size_t count = reader.U16();
  if (!ReadSources(reader, FamilyOf(query.version), count, query.sources)) {
    return DropReason::kTruncated;
  }
  return query;
}

void WriteQueryTail(const Query& query, ByteWriter& writer) {
  const uint8_t robustness = query.robustness > 7 ? uint8_t{0} : query.robustness;
  writer.U8(static_cast<uint8_t>((query.suppress ? 0x08 : 0) | robustness));
  writer.U8(static_cast<uint8_t>(
      EncodeFloatCode<4>(static_cast<uint64_t>(query.query_interval.count()))));
  writer.U16(static_cast<uint16_t>(query.sources.size()));
  for (const IpAddress& source : query.sources) writer.Append(source.bytes());
}

Result<Report, DropReason> ReadReport(ByteReader& reader, Version version) {
  Report report;
  report.version = version;
  reader.Skip(2);
  const size_t count = reader.U16();
  for (size_t i = 0; i < count; ++i) {
    const uint8_t type = reader.U8();
    const size_t aux_bytes = size_t{reader.U8()} * 4;
    const size_t sources = reader.U16();
    Record record;
    record.group = ReadAddress(reader, FamilyOf(version));
    if (!ReadSources(reader, FamilyOf(version), sources, record.sources)) {
      return DropReason::kTruncated;
    }
    reader.Skip(aux_bytes);
    if (!reader.ok()) return DropReason::kTruncated;
    // RFC 9777 section 5.2.13, RFC 9776 section 4.2.13: unrecognised types are ignored, the others
    // of the same report count.
    if (type < 1 || type > 6) continue;
    if (!record.group.IsMulticast()) return DropReason::kGroup;
    record.type = static_cast<RecordType>(type);
    report.records.push_back(std::move(record));
  }
  if (!reader.ok()) return DropReason::kTruncated;
  return report;
}

Result<Report, DropReason> ReadOlderReport(ByteReader& reader, Version version, bool leaves) {
  Record record;
  record.type = leaves ? RecordType::kToInclude : RecordType::kIsExclude;
  record.group = ReadAddress(reader, FamilyOf(version));
  if (!reader.ok()) return DropReason::kTruncated;
  if (!record.group.IsMulticast()) return DropReason::kGroup;
  Report report;
  report.version = version;
  report.records.push_back(std::move(record));
  return report;
}

}  // namespace headwater::membership
