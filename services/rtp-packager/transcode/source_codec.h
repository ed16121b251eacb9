#pragma once

#include <array>
#include <string_view>

extern "C" {
#include <libavcodec/codec_id.h>
}

namespace headwater::packager {

// What a transcoded source may be coded in: the label `codec` of metrics, by SourceCodecName.
enum class SourceCodec : uint8_t {
  kUnknown,  // not known yet, or never
  kMpegAudio,
  kAac,
  kOpus,
  kVorbis,
  kSpeex,
  kFlac,
  kAlac,
  kWavPack,
  kWma,
  kAc3,
  kDts,
  kPcm,
};
inline constexpr size_t kSourceCodecs = 13;
// "unknown", "mpeg_audio", "aac", ...
std::string_view SourceCodecName(SourceCodec codec);

// A decoder that bytes from outside may reach. Anything that is not in this list is not decoded.
struct AllowedDecoder {
  AVCodecID id;
  const char* decoder;  // libavcodec's name of it
  SourceCodec codec;
  const char* title;  // for people
};
// Null: not allowed.
const AllowedDecoder* FindAllowedDecoder(AVCodecID id);

}  // namespace headwater::packager
