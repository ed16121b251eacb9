#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/base/bytes.h"

namespace headwater {

// Reads fields of any width, most significant bit first, from untrusted bytes. Failure is sticky,
// as ByteReader's is: after a read past the end every read gives 0 and ok() is false.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  // In bits.
  size_t remaining() const { return ok_ ? 8 * bytes_.size() - position_ : 0; }
  size_t position() const { return position_; }

  // `bits` at most 32.
  uint32_t Read(size_t bits) {
    if (bits > remaining()) ok_ = false;
    if (!ok_) return 0;
    uint64_t value = 0;
    for (; bits > 0 && position_ % 8 != 0; --bits) value = value << 1 | NextBit();
    for (; bits >= 8; bits -= 8, position_ += 8) value = value << 8 | bytes_[position_ / 8];
    for (; bits > 0; --bits) value = value << 1 | NextBit();
    return static_cast<uint32_t>(value);
  }
  bool Flag() { return Read(1) != 0; }
  void Skip(size_t bits) {
    if (bits > remaining()) ok_ = false;
    if (ok_) position_ += bits;
  }
  // Appends so many bytes, wherever in a byte they begin; nothing where there are fewer.
  void ReadBytes(size_t count, std::vector<uint8_t>& out) {
    if (count > remaining() / 8) ok_ = false;
    for (size_t i = 0; ok_ && i < count; ++i) out.push_back(static_cast<uint8_t>(Read(8)));
  }

 private:
  uint32_t NextBit() {
    const uint32_t bit = (bytes_[position_ / 8] >> (7 - position_ % 8)) & 1u;
    ++position_;
    return bit;
  }

  Bytes bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace headwater
