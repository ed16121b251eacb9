#include "services/common/mpegts/si_table.h"

#include "services/common/wire/byte_reader.h"

namespace headwater::mpegts {
namespace {

constexpr uint16_t kLengthMask = 0x0fff;
// 1970-01-01 as a modified Julian date.
constexpr int64_t kUnixDay = 40587;
constexpr int64_t kDaySeconds = 86400;

// A length of 12 bits, and so many bytes of descriptors.
bool ReadDescriptors(uint16_t length, ByteReader& reader, std::vector<Descriptor>& out) {
  const Bytes bytes = reader.Take(length & kLengthMask);
  return reader.ok() && ParseDescriptors(bytes, out);
}

template <typename Table>
Table Begin(const Section& section) {
  Table table;
  table.table_id = section.table_id;
  table.version = section.version;
  table.number = section.number;
  table.last_number = section.last_number;
  return table;
}

std::optional<uint32_t> Bcd(uint8_t byte) {
  const uint32_t tens = byte >> 4, ones = byte & 0x0f;
  if (tens > 9 || ones > 9) return std::nullopt;
  return tens * 10 + ones;
}

}  // namespace

Result<NetworkInformation, SectionError> NetworkInformation::Parse(const Section& section) {
  if (section.table_id != kActual && section.table_id != kOther && section.table_id != kBouquet) {
    return SectionError::kBadBody;
  }
  auto table = Begin<NetworkInformation>(section);
  table.id = section.extension;
  ByteReader reader(section.body);
  if (!ReadDescriptors(reader.U16(), reader, table.descriptors)) return SectionError::kBadBody;
  const size_t loop = reader.U16() & kLengthMask;
  if (!reader.ok() || loop != reader.remaining()) return SectionError::kBadBody;
  while (reader.remaining() > 0) {
    Transport transport;
    transport.transport_stream_id = reader.U16();
    transport.original_network_id = reader.U16();
    if (!ReadDescriptors(reader.U16(), reader, transport.descriptors)) {
      return SectionError::kBadBody;
    }
    table.transports.push_back(std::move(transport));
  }
  return table;
}

Result<ServiceInformation, SectionError> ServiceInformation::Parse(const Section& section) {
  if (section.table_id != kActual && section.table_id != kOther) return SectionError::kBadBody;
  auto table = Begin<ServiceInformation>(section);
  table.transport_stream_id = section.extension;
  ByteReader reader(section.body);
  table.original_network_id = reader.U16();
  reader.Skip(1);
  if (!reader.ok()) return SectionError::kBadBody;
  while (reader.remaining() > 0) {
    Service service;
    service.service_id = reader.U16();
    const uint8_t flags = reader.U8();
    service.event_schedule = (flags & 2) != 0;
    service.event_present = (flags & 1) != 0;
    const uint16_t length = reader.U16();
    service.running = static_cast<uint8_t>(length >> 13);
    service.scrambled = (length & 0x1000) != 0;
    if (!ReadDescriptors(length, reader, service.descriptors)) return SectionError::kBadBody;
    table.services.push_back(std::move(service));
  }
  return table;
}

Result<EventInformation, SectionError> EventInformation::Parse(const Section& section) {
  if (section.table_id < kPresentActual || section.table_id > kScheduleOtherLast) {
    return SectionError::kBadBody;
  }
  auto table = Begin<EventInformation>(section);
  table.service_id = section.extension;
  ByteReader reader(section.body);
  table.transport_stream_id = reader.U16();
  table.original_network_id = reader.U16();
  reader.Skip(2);  // last number of the segment, last table
  if (!reader.ok()) return SectionError::kBadBody;
  while (reader.remaining() > 0) {
    Event event;
    event.event_id = reader.U16();
    event.start = SiTime(reader.Take(5)).value_or(0);
    event.seconds = SiDuration(reader.Take(3)).value_or(0);
    const uint16_t length = reader.U16();
    event.running = static_cast<uint8_t>(length >> 13);
    event.scrambled = (length & 0x1000) != 0;
    if (!ReadDescriptors(length, reader, event.descriptors)) return SectionError::kBadBody;
    table.events.push_back(std::move(event));
  }
  return table;
}

std::optional<int64_t> SiTime(Bytes five_bytes) {
  ByteReader reader(five_bytes);
  const int64_t day = reader.U16();
  const auto seconds = SiDuration(reader.Take(3));
  // 0xffff...: of an NVOD reference event.
  if (!reader.ok() || !seconds || *seconds >= kDaySeconds || day < kUnixDay) return std::nullopt;
  return (day - kUnixDay) * kDaySeconds + *seconds;
}

std::optional<uint32_t> SiDuration(Bytes three_bytes) {
  if (three_bytes.size() != 3) return std::nullopt;
  const auto hours = Bcd(three_bytes[0]);
  const auto minutes = Bcd(three_bytes[1]);
  const auto seconds = Bcd(three_bytes[2]);
  if (!hours || !minutes || !seconds || *minutes > 59 || *seconds > 59) return std::nullopt;
  return *hours * 3600 + *minutes * 60 + *seconds;
}

}  // namespace headwater::mpegts
