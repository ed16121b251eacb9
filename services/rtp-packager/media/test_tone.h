#pragma once

#include <absl/status/statusor.h>

#include <vector>

#include "services/rtp-packager/media/audio_format.h"

namespace headwater {

// The built-in station 0xd0bef00d: a sine of 440 Hz and, at each full second, 100 ms of 1 kHz
// instead.
struct TestTone {
  AudioFormat format;  // MPEG audio layer 2, 48 kHz, stereo, 128 kb/s
  // 3 s in 125 whole frames; after the last comes the first, without a seam.
  std::vector<AudioFrame> frames;
};

// Encodes it, in some 10 ms: once at start, not per session. Fails only if libavcodec has no MP2
// encoder.
absl::StatusOr<TestTone> MakeTestTone();

}  // namespace headwater
