#pragma once

#include "services/rtp-packager/media/audio_format.h"

namespace headwater {

// One frame that decodes to digital silence in the given format: same layer, sample rate and
// channels, at the lowest bit rate that holds it (Opus: one packet for all), independent of the
// frames before it. (The decoder's overlap of the last real frame still sounds into the first one.)
// `format` is one that a framer gave out.
AudioFrame MakeSilence(const AudioFormat& format);

}  // namespace headwater
