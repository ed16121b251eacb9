#pragma once

#include <cstddef>
#include <optional>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/stream_title.h"

namespace headwater {

inline constexpr size_t kId3HeaderSize = 10;

// Size with header and footer of the ID3v2 tag that `bytes` begin with, at most 2^28 + 19. Nothing:
// they begin with no such tag, or are fewer than kId3HeaderSize.
std::optional<size_t> Id3TagSize(Bytes bytes);

// Title (TIT2) and artist (TPE1) as "Artist - Title" of the ID3v2.2, v2.3 or v2.4 tag that `bytes`
// begin with; of several values of one frame the first. All text encodings and unsynchronisation
// are read; compressed and encrypted frames are passed over. A tag that is cut off or broken gives
// what stands in front of the fault, so its beginning is enough where the text frames stand first.
// Nothing: no tag, or neither frame has text.
std::optional<StreamTitle> ParseId3Title(Bytes bytes);

}  // namespace headwater
