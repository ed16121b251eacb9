#include "services/common/mpegts/psi.h"

#include <algorithm>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"

namespace headwater::mpegts {
namespace {

constexpr uint16_t kReservedPid = 0xe000;
constexpr uint16_t kReservedLength = 0xf000;
constexpr size_t kNameMax = 76;
constexpr uint8_t kServiceDescriptor = 0x48;
constexpr uint8_t kRunning = 4;
// EN 300 468 table A.3: what follows is UTF-8. Without it the text is ISO 6937, of which ASCII is a
// part.
constexpr uint8_t kUtf8 = 0x15;

void WriteDescriptors(const std::vector<Descriptor>& descriptors, ByteWriter& writer) {
  const size_t at = writer.size();
  writer.U16(0);
  for (const Descriptor& each : descriptors) {
    HW_CHECK(each.bytes.size() <= 255);
    writer.U8(each.tag);
    writer.U8(static_cast<uint8_t>(each.bytes.size()));
    writer.Append(each.bytes);
  }
  writer.PatchU16(at, static_cast<uint16_t>(kReservedLength | (writer.size() - at - 2)));
}

std::vector<uint8_t> DvbText(std::string_view text) {
  size_t size = std::min(text.size(), kNameMax);
  while (size > 0 && size < text.size() && (text[size] & 0xc0) == 0x80) --size;
  text = text.substr(0, size);
  const bool ascii =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  std::vector<uint8_t> out(ascii ? 0 : 1, kUtf8);
  out.insert(out.end(), text.begin(), text.end());
  return out;
}

}  // namespace

bool ParseDescriptors(Bytes bytes, std::vector<Descriptor>& out) {
  ByteReader reader(bytes);
  while (reader.remaining() > 0) {
    Descriptor descriptor;
    descriptor.tag = reader.U8();
    const Bytes body = reader.Take(reader.U8());
    if (!reader.ok()) return false;
    descriptor.bytes.assign(body.begin(), body.end());
    out.push_back(std::move(descriptor));
  }
  return true;
}

Result<ProgramAssociation, SectionError> ProgramAssociation::Parse(const Section& section) {
  if (section.table_id != kTableId || section.body.size() % 4 != 0) return SectionError::kBadBody;
  ProgramAssociation table = {section.extension, section.version, {}};
  ByteReader reader(section.body);
  while (reader.remaining() > 0) {
    const uint16_t number = reader.U16();
    const auto pid = Pid(reader.U16() & 0x1fff);
    if (number != 0) table.programs.push_back({number, pid});
  }
  return table;
}

void ProgramAssociation::SerializeTo(std::vector<uint8_t>& out) const {
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  for (const Program& each : programs) {
    writer.U16(each.number);
    writer.U16(static_cast<uint16_t>(kReservedPid | static_cast<uint16_t>(each.map)));
  }
  Section{.table_id = kTableId, .extension = transport_stream_id, .version = version, .body = body}
      .SerializeTo(out);
}

Result<ProgramMap, SectionError> ProgramMap::Parse(const Section& section) {
  if (section.table_id != kTableId) return SectionError::kBadBody;
  ProgramMap table;
  table.program = section.extension;
  table.version = section.version;
  ByteReader reader(section.body);
  table.pcr = Pid(reader.U16() & 0x1fff);
  const Bytes descriptors = reader.Take(reader.U16() & 0x0fff);
  if (!reader.ok() || !ParseDescriptors(descriptors, table.descriptors)) {
    return SectionError::kBadBody;
  }
  while (reader.remaining() > 0) {
    ElementaryStream stream;
    stream.type = reader.U8();
    stream.pid = Pid(reader.U16() & 0x1fff);
    const Bytes own = reader.Take(reader.U16() & 0x0fff);
    if (!reader.ok() || !ParseDescriptors(own, stream.descriptors)) return SectionError::kBadBody;
    table.streams.push_back(std::move(stream));
  }
  return table;
}

void ProgramMap::SerializeTo(std::vector<uint8_t>& out) const {
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  writer.U16(static_cast<uint16_t>(kReservedPid | static_cast<uint16_t>(pcr)));
  WriteDescriptors(descriptors, writer);
  for (const ElementaryStream& each : streams) {
    writer.U8(each.type);
    writer.U16(static_cast<uint16_t>(kReservedPid | static_cast<uint16_t>(each.pid)));
    WriteDescriptors(each.descriptors, writer);
  }
  Section{.table_id = kTableId, .extension = program, .version = version, .body = body}.SerializeTo(
      out);
}

void ServiceDescription::SerializeTo(std::vector<uint8_t>& out) const {
  const std::vector<uint8_t> provider_text = DvbText(provider);
  const std::vector<uint8_t> name_text = DvbText(name);
  Descriptor service = {kServiceDescriptor, {}};
  ByteWriter text(service.bytes);
  text.U8(service_type);
  text.U8(static_cast<uint8_t>(provider_text.size()));
  text.Append(provider_text);
  text.U8(static_cast<uint8_t>(name_text.size()));
  text.Append(name_text);

  std::vector<uint8_t> body;
  ByteWriter writer(body);
  writer.U16(original_network_id);
  writer.U8(0xff);
  writer.U16(service_id);
  writer.U8(0xfc);  // no event information
  const size_t at = writer.size();
  WriteDescriptors({service}, writer);
  // Running status and "not scrambled" stand where other tables have reserved bits.
  const size_t length = writer.size() - at - 2;
  writer.PatchU16(at, static_cast<uint16_t>(kRunning << 13 | length));
  Section{.table_id = kTableId, .extension = transport_stream_id, .version = version, .body = body}
      .SerializeTo(out);
}

}  // namespace headwater::mpegts
