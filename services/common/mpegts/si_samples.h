#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "services/common/mpegts/section.h"
#include "services/common/wire/byte_writer.h"

// Tables for tests, as a broadcaster would write them.
namespace headwater::mpegts::samples {

using Buffer = std::vector<uint8_t>;

inline void Append(Buffer& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

inline Buffer Join(std::initializer_list<Buffer> parts) {
  Buffer out;
  for (const Buffer& part : parts) Append(out, part);
  return out;
}

inline Buffer Counted(std::string_view text) {
  Buffer out = {static_cast<uint8_t>(text.size())};
  Append(out, AsBytes(text));
  return out;
}

inline Buffer DescriptorOf(uint8_t tag, const Buffer& body) {
  return Join({{tag, static_cast<uint8_t>(body.size())}, body});
}

inline Buffer ServiceDescriptorOf(uint8_t type, std::string_view provider, std::string_view name) {
  return DescriptorOf(0x48, Join({{type}, Counted(provider), Counted(name)}));
}

inline Buffer ShortEventOf(std::string_view name, std::string_view text) {
  return DescriptorOf(0x4d, Join({{'e', 'n', 'g'}, Counted(name), Counted(text)}));
}

// 11 426.5 MHz H, 27.5 MS/s, 2/3, 28.2 E: the carrier of the examples.
inline Buffer SatelliteDeliveryOf() {
  return {0x43, 11, 0x01, 0x14, 0x26, 0x50, 0x02, 0x82, 0x81, 0x02, 0x75, 0x00, 0x02};
}
// 12 441 MHz V, DVB-S2, 8PSK, 29.5 MS/s, 8/9.
inline Buffer Satellite2DeliveryOf() {
  return {0x43, 11, 0x01, 0x24, 0x41, 0x00, 0x02, 0x82, 0xa6, 0x02, 0x95, 0x00, 0x06};
}

inline Buffer WithLength(uint16_t top_bits, const Buffer& body) {
  Buffer out;
  ByteWriter writer(out);
  writer.U16(static_cast<uint16_t>(top_bits | body.size()));
  writer.Append(body);
  return out;
}

inline Buffer SectionOf(uint8_t table_id, uint16_t extension, const Buffer& body,
                        uint8_t version = 0, uint8_t number = 0, uint8_t last = 0) {
  Buffer out;
  Section{.table_id = table_id,
          .extension = extension,
          .version = version,
          .number = number,
          .last_number = last,
          .body = body}
      .SerializeTo(out);
  return out;
}

struct ServiceRow {
  uint16_t id;
  Buffer descriptors;
  bool scrambled = false;
};

inline Buffer SdtOf(uint16_t tsid, uint16_t onid, const std::vector<ServiceRow>& rows,
                    uint8_t version = 0, uint8_t number = 0, uint8_t last = 0) {
  Buffer body;
  ByteWriter writer(body);
  writer.U16(onid);
  writer.U8(0xff);
  for (const ServiceRow& row : rows) {
    writer.U16(row.id);
    writer.U8(0xfd);
    writer.Append(WithLength(row.scrambled ? 0x9000 : 0x8000, row.descriptors));
  }
  return SectionOf(0x42, tsid, body, version, number, last);
}

struct TransportRow {
  uint16_t tsid;
  uint16_t onid;
  Buffer descriptors;
};

inline Buffer NitOf(uint16_t network, const Buffer& descriptors,
                    const std::vector<TransportRow>& rows, uint8_t table_id = 0x40,
                    uint8_t version = 0) {
  Buffer loop;
  ByteWriter writer(loop);
  for (const TransportRow& row : rows) {
    writer.U16(row.tsid);
    writer.U16(row.onid);
    writer.Append(WithLength(0xf000, row.descriptors));
  }
  return SectionOf(table_id, network,
                   Join({WithLength(0xf000, descriptors), WithLength(0xf000, loop)}), version);
}

struct EventRow {
  uint16_t id;
  Buffer start;     // 5 bytes
  Buffer duration;  // 3 bytes
  Buffer descriptors;
};

inline Buffer EitOf(uint8_t table_id, uint16_t service, uint16_t tsid, uint16_t onid,
                    const std::vector<EventRow>& rows, uint8_t version = 0, uint8_t number = 0,
                    uint8_t last = 1) {
  Buffer body;
  ByteWriter writer(body);
  writer.U16(tsid);
  writer.U16(onid);
  writer.U8(last);
  writer.U8(table_id);
  for (const EventRow& row : rows) {
    writer.U16(row.id);
    writer.Append(row.start);
    writer.Append(row.duration);
    writer.Append(WithLength(0x8000, row.descriptors));
  }
  return SectionOf(table_id, service, body, version, number, last);
}

}  // namespace headwater::mpegts::samples
