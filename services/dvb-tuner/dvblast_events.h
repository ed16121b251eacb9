#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "services/common/base/bytes.h"

namespace headwater::tuner {

// What dvblast tells by itself.
struct DvblastEvent {
  enum class Kind : uint8_t {
    kLock,
    kUnlock,
    kNoLock,          // it tunes again
    kReset,           // the same for another reason, which `text` says
    kBitrate,         // `value`, of the whole carrier
    kDiscontinuity,   // `value` more
    kTransportError,  // `value` more
    kNoDevice,        // the card is not there, or is no longer; `text` is dvblast's line
    kMessage,         // an error in its own words
  };
  Kind kind = Kind::kMessage;
  uint64_t value = 0;
  std::string text;
  bool operator==(const DvblastEvent&) const = default;
};

// A line of standard output with -x xml and -6. Nothing for what is not wanted (tables, PIDs).
std::optional<DvblastEvent> ParseDvblastOutput(std::string_view line);
// A line of standard error: "error: ...".
std::optional<DvblastEvent> ParseDvblastMessage(std::string_view line);

// Cuts a stream of bytes into lines. Those of more than kLineMax bytes (tables) are dropped.
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

}  // namespace headwater::tuner
