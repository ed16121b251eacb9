#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/mpegts/ts_packet.h"

namespace headwater {

// Finds transport packets in bytes: of 188, of 192 (Blu-ray's, a timestamp before each) or of 204
// bytes (16 of error correction behind each). It holds what one Push brought and less than three
// packets.
class TsPacketSync {
 public:
  void Push(Bytes bytes);
  // 188 bytes, until the next Push; empty when more are needed.
  Bytes Next();

  uint64_t skipped_total() const { return skipped_total_; }
  // Bytes passed over since the last packet.
  size_t garbage() const { return garbage_; }

  // Where the first of three packets in a row begins; nothing if there are none.
  static std::optional<size_t> Find(Bytes bytes);

 private:
  // False: more bytes are needed.
  bool Search();
  void Skip(size_t count);

  std::vector<uint8_t> buffer_;
  size_t position_ = 0;
  size_t stride_ = 0;   // 0: not in sync
  size_t between_ = 0;  // to be passed over before the next packet
  size_t garbage_ = 0;
  uint64_t skipped_total_ = 0;
};

// Takes the headers away from the PES packets of one PID (ISO 13818-1 section 2.4.3.6) and gives
// out what they hold as it comes. Holds one header at most.
class TsPesReader {
 public:
  struct Part {
    Bytes bytes;          // views of the packet or of this reader, until the next Push
    bool begins = false;  // first of its PES packet
    bool ends = false;    // the PES packet has told its length, and this was the last of it
  };
  Part Push(const mpegts::Packet& packet);
  // Another PID: what has begun is forgotten.
  void Reset();

 private:
  enum class State : uint8_t { kLost, kHeader, kPayload };
  void ReadHeader(Part& part);

  mpegts::ContinuityCounter continuity_;
  State state_ = State::kLost;
  std::vector<uint8_t> header_;
  std::optional<size_t> left_;  // of the PES packet; nothing: it has not told
};

}  // namespace headwater
