#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/rtp-packager/source/hls/hls_playlist.h"

namespace headwater {

// A media playlist that a master playlist offers for listening.
struct HlsChoice {
  std::string uri;
  uint64_t bits_per_second = 0;  // of all that is fetched; 0: unknown
  bool has_video = false;
};

// The ways to hear a master playlist's programme, best first, each list once, at most 32: audio
// alone, the highest bit rate up to `audio_bits_max` first, then those above it from the lowest;
// then the audio renditions that belong to video; then, since nothing of it but its sound is used,
// video with sound, the cheapest first. Within each, what is coded in a way that is sent as it is
// (AAC, MP3, Opus) comes before what would have to be transcoded.
std::vector<HlsChoice> ChooseHlsVariants(const HlsMasterPlaylist& master, uint64_t audio_bits_max);

}  // namespace headwater
