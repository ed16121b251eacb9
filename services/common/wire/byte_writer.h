#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/check.h"

namespace headwater {

// Appends big-endian fields to a vector that the caller owns and may reuse (no allocation once it
// has grown).
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<uint8_t>& out) : out_(out), start_(out.size()) {}

  size_t size() const { return out_.size() - start_; }

  template <std::unsigned_integral T>
  void Write(T value) {
    for (size_t shift = sizeof(T); shift-- > 0;) {
      out_.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * shift)));
    }
  }
  void U8(uint8_t value) { Write(value); }
  void U16(uint16_t value) { Write(value); }
  void U32(uint32_t value) { Write(value); }
  void U64(uint64_t value) { Write(value); }
  void Append(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void Zeros(size_t count) { out_.insert(out_.end(), count, 0); }

  // Fills in a field that was written as a placeholder, at an offset from where this writer began:
  // lengths and checksums.
  void PatchU16(size_t offset, uint16_t value) {
    HW_CHECK(offset + 2 <= size());
    out_[start_ + offset] = static_cast<uint8_t>(value >> 8);
    out_[start_ + offset + 1] = static_cast<uint8_t>(value);
  }

 private:
  std::vector<uint8_t>& out_;
  size_t start_;
};

}  // namespace headwater
