#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "services/common/base/bytes.h"

namespace headwater {

// Cuts a stream of bytes into lines. Those of more than kLineMax bytes are dropped.
class LineCutter {
 public:
  static constexpr size_t kLineMax = 4096;
  template <typename OnLine>
  void Push(Bytes bytes, OnLine on_line) {
    for (const uint8_t byte : bytes) {
      if (byte != '\n') {
        if (held_.size() <= kLineMax) held_ += static_cast<char>(byte);
        continue;
      }
      if (held_.size() <= kLineMax) on_line(std::string_view(held_));
      held_.clear();
    }
  }

 private:
  std::string held_;
};

}  // namespace headwater
