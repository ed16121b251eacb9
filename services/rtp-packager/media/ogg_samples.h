#pragma once

// Linked by tests only: Ogg made by hand, for what no muxer writes.

#include <cstdint>
#include <string>
#include <vector>

#include "services/rtp-packager/media/ogg_page.h"

namespace headwater {

struct OggPageToWrite {
  std::vector<std::vector<uint8_t>> packets;
  uint32_t serial = 1;
  uint32_t sequence = 0;
  int64_t granule = 0;
  bool continued = false;
  bool begins = false;
  bool ends = false;
  // The last packet, a multiple of 255 bytes, goes on in the next page.
  bool open = false;
};

inline std::vector<uint8_t> WriteOggPage(const OggPageToWrite& page) {
  std::vector<uint8_t> segments;
  std::vector<uint8_t> body;
  for (size_t i = 0; i < page.packets.size(); ++i) {
    const std::vector<uint8_t>& packet = page.packets[i];
    segments.insert(segments.end(), packet.size() / 255, 255);
    if (!page.open || i + 1 < page.packets.size()) {
      segments.push_back(static_cast<uint8_t>(packet.size() % 255));
    }
    body.insert(body.end(), packet.begin(), packet.end());
  }
  const auto little = [](uint64_t value, size_t bytes) {
    std::vector<uint8_t> out;
    for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return out;
  };
  std::vector<uint8_t> out = {'O', 'g', 'g', 'S', 0};
  out.push_back(
      static_cast<uint8_t>((page.continued ? 1 : 0) | (page.begins ? 2 : 0) | (page.ends ? 4 : 0)));
  for (const auto& field : {little(static_cast<uint64_t>(page.granule), 8), little(page.serial, 4),
                            little(page.sequence, 4), little(0, 4)}) {
    out.insert(out.end(), field.begin(), field.end());
  }
  out.push_back(static_cast<uint8_t>(segments.size()));
  out.insert(out.end(), segments.begin(), segments.end());
  out.insert(out.end(), body.begin(), body.end());
  const std::vector<uint8_t> checksum = little(OggChecksum(out), 4);
  std::copy(checksum.begin(), checksum.end(), out.begin() + 22);
  return out;
}

}  // namespace headwater
