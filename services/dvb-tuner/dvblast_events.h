#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

}  // namespace headwater::tuner
