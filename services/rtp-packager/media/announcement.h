#pragma once

#include <optional>

#include "services/rtp-packager/media/audio_format.h"

namespace headwater {

// What to encode so that it may be sent where this was announced. sample_rate and channels are 0
// where the announcement does not fix them (MPA, channels of Opus). Nothing: it fixes what an
// encoder cannot meet (Vorbis headers, AAC other than LC).
std::optional<AudioFormat> EncodableAs(const RtpFormat& announced);

}  // namespace headwater
