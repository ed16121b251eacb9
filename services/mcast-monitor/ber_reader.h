#pragma once

#include <cstdint>
#include <string>

#include "services/common/base/bytes.h"

namespace headwater::monitor {

// Reads BER as SNMP restricts it (RFC 3417 section 8: definite lengths, tags of one byte) from
// untrusted bytes. Failure is sticky, as ByteReader's is: after a fault every read gives 0 or
// empty and ok() is false. Views point into the input.
class BerReader {
 public:
  explicit BerReader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return position_ == bytes_.size(); }
  size_t position() const { return position_; }
  // The tag of the next element; 0 at the end.
  uint8_t PeekTag() const { return ok_ && !AtEnd() ? bytes_[position_] : 0; }

  // The next element, whatever it is.
  Bytes Any(uint8_t& tag);
  // The next element, which must have that tag.
  Bytes Take(uint8_t tag);
  BerReader Enter(uint8_t tag) {
    const Bytes contents = Take(tag);
    return BerReader(contents, ok_);
  }
  // All that has not been read.
  Bytes Rest() const { return ok_ ? bytes_.subspan(position_) : Bytes(); }
  // An INTEGER of at most 64 bits.
  int64_t Integer();

 private:
  BerReader(Bytes bytes, bool ok) : bytes_(bytes), ok_(ok) {}
  Bytes Fail();

  Bytes bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

inline constexpr uint8_t kBerInteger = 0x02;
inline constexpr uint8_t kBerOctets = 0x04;
inline constexpr uint8_t kBerNull = 0x05;
inline constexpr uint8_t kBerOid = 0x06;
inline constexpr uint8_t kBerSequence = 0x30;

// The contents of an INTEGER, or of one of SNMP's unsigned types; false when longer than 64 bits
// or empty.
bool BerInteger(Bytes contents, bool is_signed, int64_t& out);
// "1.3.6.1.6.3"; empty for what is none, or of more than 128 numbers (RFC 3416 section 4.1).
std::string OidText(Bytes contents);

}  // namespace headwater::monitor
