#pragma once

#include <vector>

#include "services/common/mpegts/psi.h"

// Transport streams for tests of feeds.
namespace headwater::packager {

// One packet of media with a payload of its counter's.
inline std::vector<uint8_t> MediaPacket(mpegts::Pid pid, uint8_t continuity) {
  std::vector<uint8_t> bytes;
  const std::vector<uint8_t> payload(184, continuity);
  mpegts::Packet{.pid = pid, .continuity = continuity, .has_payload = true, .payload = payload}
      .SerializeTo(bytes);
  return bytes;
}

// A service of one video and one audio stream; its fields may be changed between the tables.
struct ServiceTables {
  mpegts::ProgramAssociation association = {
      .transport_stream_id = 7, .version = 0, .programs = {{0x1041, mpegts::Pid(0x100)}}};
  mpegts::Pid map_pid = mpegts::Pid(0x100);
  mpegts::ProgramMap map = {
      .program = 0x1041,
      .version = 0,
      .pcr = mpegts::Pid(0x101),
      .descriptors = {},
      .streams = {{0x1b, mpegts::Pid(0x101), {}}, {0x03, mpegts::Pid(0x102), {}}}};
  uint8_t association_continuity = 0;
  uint8_t map_continuity = 0;

  std::vector<uint8_t> Association() {
    std::vector<uint8_t> section, packets;
    association.SerializeTo(section);
    mpegts::PacketizeSection(section, mpegts::Pid::kPat, association_continuity, packets);
    return packets;
  }
  std::vector<uint8_t> Map() {
    std::vector<uint8_t> section, packets;
    map.SerializeTo(section);
    mpegts::PacketizeSection(section, map_pid, map_continuity, packets);
    return packets;
  }
};

}  // namespace headwater::packager
