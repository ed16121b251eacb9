#pragma once

#include <cstddef>
#include <cstdint>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"

namespace headwater {

inline constexpr size_t kOggPageHeaderSize = 27;
inline constexpr size_t kOggPageSizeMax = kOggPageHeaderSize + 255 + 255 * 255;

enum class OggPageError : uint8_t {
  kTooFewBytes,  // so far it may be one
  kNoPage,       // another capture pattern or version
};

// A page of RFC 3533 section 6. The views point into the input.
struct OggPageView {
  bool continued = false;  // its first segment goes on with the packet of the page before
  bool begins = false;     // first page of its logical stream
  bool ends = false;       // last one
  // Codec's measure of the end of the last packet that ends in this page; -1: none does.
  int64_t granule = -1;
  uint32_t serial = 0;  // of the logical stream
  uint32_t sequence = 0;
  Bytes segments;  // their sizes; one below 255 ends a packet
  Bytes body;
  size_t size = 0;      // of the page
  bool intact = false;  // its checksum is right

  // `bytes` begin with it.
  static Result<OggPageView, OggPageError> Parse(Bytes bytes);
};

// CRC-32 with polynomial 0x04c11db7, neither reflected nor inverted (section 6, field 7), of a page
// as if its checksum field were zero.
uint32_t OggChecksum(Bytes page);

}  // namespace headwater
