#pragma once

#include <cstddef>
#include <cstdint>

#include "services/common/base/bytes.h"

namespace headwater {

// The Internet checksum (RFC 1071), fed in pieces. Every piece but the last must have an even
// length.
class InternetChecksum {
 public:
  void Add(Bytes bytes) {
    size_t i = 0;
    for (; i + 1 < bytes.size(); i += 2)
      sum_ += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    if (i < bytes.size()) sum_ += static_cast<uint32_t>(bytes[i] << 8);
  }
  void AddU16(uint16_t value) { sum_ += value; }
  void AddU32(uint32_t value) { sum_ += (value >> 16) + (value & 0xffff); }

  // What belongs into the checksum field; 0 over bytes that already carry a right one.
  uint16_t Finish() const {
    uint64_t sum = sum_;
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
  }

 private:
  uint64_t sum_ = 0;
};

// Of an ICMPv6 or UDP message between two IPv6 addresses, pseudo-header included (RFC 8200
// section 8.1).
inline uint16_t Ipv6Checksum(Bytes from, Bytes to, uint8_t next_header, Bytes message) {
  InternetChecksum checksum;
  checksum.Add(from);
  checksum.Add(to);
  checksum.AddU32(static_cast<uint32_t>(message.size()));
  checksum.AddU32(next_header);
  checksum.Add(message);
  return checksum.Finish();
}

}  // namespace headwater
