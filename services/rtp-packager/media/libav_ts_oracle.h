#pragma once

// Linked by tests only: what libavformat finds in a transport stream.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/bytes.h"

namespace headwater {

struct DemuxedByLibav {
  std::string service;  // by the SDT
  std::string codec;    // of the first audio stream
  struct Packet {
    std::vector<uint8_t> bytes;
    std::optional<int64_t> pts;  // at 90 kHz; of the first frame of a PES packet
  };
  std::vector<Packet> packets;
  // What it complained about, one a line.
  std::string complaints;
};
DemuxedByLibav DemuxWithLibav(Bytes stream);

}  // namespace headwater
