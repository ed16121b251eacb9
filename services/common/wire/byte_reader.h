#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "services/common/base/bytes.h"

namespace headwater {

// Reads big-endian fields from untrusted bytes. Failure is sticky: after a read past the end every
// read gives 0 or empty and ok() is false, so a parser reads a whole header and asks once. Views
// that it hands out point into the input.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t remaining() const { return bytes_.size() - position_; }
  size_t position() const { return position_; }

  template <std::unsigned_integral T>
  T Read() {
    Bytes field = Take(sizeof(T));
    T value = 0;
    for (uint8_t byte : field) value = static_cast<T>((static_cast<uint64_t>(value) << 8) | byte);
    return value;
  }
  uint8_t U8() { return Read<uint8_t>(); }
  uint16_t U16() { return Read<uint16_t>(); }
  uint32_t U32() { return Read<uint32_t>(); }
  uint64_t U64() { return Read<uint64_t>(); }

  Bytes Take(size_t count) {
    if (!ok_ || count > remaining()) {
      ok_ = false;
      return {};
    }
    Bytes field = bytes_.subspan(position_, count);
    position_ += count;
    return field;
  }
  void Skip(size_t count) { Take(count); }
  Bytes Rest() { return Take(remaining()); }

 private:
  Bytes bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace headwater
