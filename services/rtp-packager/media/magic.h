#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "services/common/base/bytes.h"

namespace headwater {

// What holds the audio, by the first bytes of a stream.
enum class Container : uint8_t {
  kElementary,  // none of the below: frames one after the other, or garbage
  kOgg,
  kTransportStream,  // MPEG-TS
  kLoas,             // AAC in LATM (ISO 14496-3 section 1.7)
  kMp4,              // fragments of ISO base media
  kUnsupported,      // known (NameOfMagic), and for a transcoder
  kNotMedia,         // a page or a playlist
};

// Nothing: too few bytes to tell, never with `complete` or with kMagicBytesMax.
inline constexpr size_t kMagicBytesMax = 3 * 188;
std::optional<Container> ContainerOf(Bytes first_bytes, bool complete);

// What a stream that begins so is, if it is known and nothing that can be sent as it is: "Ogg
// FLAC", "an HTML page". Empty: not known.
std::string_view NameOfMagic(Bytes first_bytes);

}  // namespace headwater
