#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"

namespace headwater::packager {

// One datagram to one leg. Header and payload lie apart in the outbox, because sessions of one
// stream share the payload.
struct OutDatagram {
  // Index into the configured legs.
  uint16_t leg = 0;
  bool rtcp = false;
  uint8_t hop_limit = 1;
  uint8_t dscp = 0;
  IpAddress group;
  uint32_t header_offset = 0;
  uint32_t header_size = 0;
  uint32_t payload_offset = 0;
  uint32_t payload_size = 0;
};

// What the core wants sent after one call. Reused: once grown it allocates no more. Bounded by what
// one tick can hold (sessions_max times a few packets).
class Outbox {
 public:
  uint32_t Append(Bytes bytes) {
    const size_t offset = bytes_.size();
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return static_cast<uint32_t>(offset);
  }
  // For encoders that write into a vector; whatever they append stays.
  std::vector<uint8_t>& buffer() { return bytes_; }
  void Add(const OutDatagram& datagram) { datagrams_.push_back(datagram); }

  const std::vector<OutDatagram>& datagrams() const { return datagrams_; }
  Bytes Header(const OutDatagram& datagram) const {
    return Bytes(bytes_).subspan(datagram.header_offset, datagram.header_size);
  }
  Bytes Payload(const OutDatagram& datagram) const {
    return Bytes(bytes_).subspan(datagram.payload_offset, datagram.payload_size);
  }
  bool empty() const { return datagrams_.empty(); }
  void Clear() {
    bytes_.clear();
    datagrams_.clear();
  }

 private:
  std::vector<uint8_t> bytes_;
  std::vector<OutDatagram> datagrams_;
};

}  // namespace headwater::packager
