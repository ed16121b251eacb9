#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/audio_format.h"

namespace headwater {

// The audio track of a movie box (ISO 14496-12 section 8).
struct Mp4Track {
  uint32_t id = 0;
  AudioFormat format;
  // Of its sample entry, as it stands there: "mp4a", "Opus".
  std::string entry;
  // From trex; 0: none.
  uint32_t default_sample_size = 0;
  // Why it cannot be sent as it is; `format` is then not set.
  std::string unsupported;
};

// Where one access unit is.
struct Mp4Sample {
  uint64_t offset = 0;
  uint32_t size = 0;
  bool operator==(const Mp4Sample&) const = default;
};

enum class Mp4Error : uint8_t {
  kNone,
  kBroken,     // cut off, or counts and lengths that do not fit each other
  kNoAudio,    // no track of sound
  kEncrypted,  // by Common Encryption
  kTooMany,    // more samples than kMp4SamplesMax
};
// "an MP4 index that is broken": to stand in front of anything.
std::string_view ToString(Mp4Error error);

inline constexpr size_t kMp4SamplesMax = 500'000;  // three hours of AAC
// No access unit of audio is larger.
inline constexpr uint32_t kMp4SampleBytesMax = 64 * 1024;

struct Mp4Movie {
  Mp4Error error = Mp4Error::kNone;
  Mp4Track track;
  // It announces fragments (mvex).
  bool fragmented = false;
  // Of a file that is not fragmented: in the order of their offsets from the file's beginning.
  std::vector<Mp4Sample> samples;
};

// The body of a `moov` box; of several audio tracks the first.
Mp4Movie ParseMp4Movie(Bytes moov);

// The samples of the track in a fragment: the body of a `moof` box, whose header begins at
// `begin`. In the order in which the fragment tells them. A base data offset is taken for the
// fragment's own beginning, for offsets in a segment say nothing about a stream of segments.
Mp4Error ParseMp4Fragment(Bytes moof, uint64_t begin, const Mp4Track& track,
                          std::vector<Mp4Sample>& samples);

// The message data of an ID3 event message (`emsg`, ISO 23009-1 section 5.10.3.3, with the scheme
// of "Carriage of ID3 Timed Metadata in CMAF"); empty for any other.
Bytes Mp4Id3Message(Bytes emsg);

// A box's type as a number: Mp4Type("moov").
constexpr uint32_t Mp4Type(const char (&name)[5]) {
  uint32_t type = 0;
  for (int i = 0; i < 4; ++i) type = type << 8 | static_cast<uint8_t>(name[i]);
  return type;
}

}  // namespace headwater
