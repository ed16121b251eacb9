#pragma once

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/stream_title.h"

namespace headwater {

// TITLE and ARTIST as "Artist - Title" from a comment header (Vorbis I specification section 5) as
// it stands behind "OpusTags", "\x03vorbis" or in a FLAC block; of several the first. Comments that
// are cut off give what is whole; without a title, or with nothing sensible, it is empty.
StreamTitle ParseVorbisComment(Bytes bytes);

}  // namespace headwater
