#pragma once

// Linked by tests only: FFmpeg's libraries as an independent judge of our payloads, silence and
// test tone.

#include <cstdint>
#include <string>
#include <vector>

#include "services/rtp-packager/media/audio_format.h"

namespace headwater {

// Samples of all channels, one vector a channel, -1..1. An error of the decoder ends it: fewer
// samples.
struct Decoded {
  std::vector<std::vector<float>> channels;
  int sample_rate = 0;
};
Decoded DecodeWithLibav(const AudioFormat& format, const std::vector<AudioFrame>& frames);

// The RTP packets that libavformat's muxer makes of these frames, RTCP left out.
std::vector<std::vector<uint8_t>> PacketsOfLibav(const AudioFormat& format,
                                                 const std::vector<AudioFrame>& frames,
                                                 int packet_size, int max_delay_us);

// The packets of the first audio stream of a sample, as libavformat's demuxer finds them.
std::vector<std::vector<uint8_t>> AudioPacketsOfLibav(const std::string& sample);

}  // namespace headwater
