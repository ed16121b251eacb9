#include "services/rtp-packager/media/aac_config.h"

#include "services/common/base/check.h"
#include "services/rtp-packager/media/audio_header.h"

namespace headwater {
namespace {

// Audio object types of ISO 14496-3 table 1.17.
constexpr uint32_t kLtp = 4;
constexpr uint32_t kSbr = 5;
constexpr uint32_t kParametricStereo = 29;
constexpr uint32_t kEscape = 31;

constexpr uint32_t kRateEscape = 15;
// What stands in front of the backward compatible extension (section 1.6.6).
constexpr uint32_t kSyncSbr = 0x2b7;
constexpr uint32_t kSyncParametricStereo = 0x548;

uint32_t ReadObjectType(BitReader& reader) {
  const uint32_t type = reader.Read(5);
  return type == kEscape ? 32 + reader.Read(6) : type;
}

// 0: reserved.
uint32_t ReadSampleRate(BitReader& reader) {
  const uint32_t index = reader.Read(4);
  return index == kRateEscape ? reader.Read(24) : AacRate(index);
}

const char* WhyUnsupported(uint32_t object_type, const AudioFormat& format) {
  if (object_type == 0 || object_type > kLtp) return "an object type that is not AAC's Main to LTP";
  const bool sbr_rate_known = format.sbr_rate == 0 || AacRateIndex(format.sbr_rate).has_value();
  if (!sbr_rate_known || !AacRateIndex(format.sample_rate).has_value())
    return "a sample rate that has no index";
  if (format.channel_config == 0) return "channels that are named in a program config element";
  if (format.channel_config > 7) return "a channel configuration above 7";
  return nullptr;
}

// GASpecificConfig, table 4.1, for the object types that are let through.
const char* ReadGeneralAudio(BitReader& reader) {
  const bool short_frames = reader.Flag();
  const bool core_coder = reader.Flag();
  const bool extension = reader.Flag();
  if (short_frames) return "frames of 960 samples";
  if (core_coder) return "a core coder";
  if (extension) return "an extension of its config";
  return nullptr;
}

// What may stand behind all that an old decoder reads.
void ReadExtension(BitReader& reader, AudioFormat& format) {
  if (reader.remaining() < 16 || reader.Read(11) != kSyncSbr) return;
  if (ReadObjectType(reader) != kSbr || !reader.Flag()) return;
  const uint32_t rate = ReadSampleRate(reader);
  if (!reader.ok() || !AacRateIndex(rate).has_value()) return;
  format.sbr_rate = rate;
  if (reader.remaining() < 12 || reader.Read(11) != kSyncParametricStereo) return;
  format.parametric_stereo = reader.Flag();
}

}  // namespace

std::optional<AacConfig> ParseAacConfig(BitReader& reader) {
  AacConfig config;
  AudioFormat& format = config.format;
  format.codec = AudioCodec::kAac;
  format.layer = 0;
  format.frame_samples = 1024;
  uint32_t object_type = ReadObjectType(reader);
  format.sample_rate = ReadSampleRate(reader);
  format.channel_config = static_cast<uint8_t>(reader.Read(4));
  format.channels = format.channel_config == 7 ? 8 : format.channel_config;
  if (object_type == kSbr || object_type == kParametricStereo) {
    format.parametric_stereo = object_type == kParametricStereo;
    format.sbr_rate = ReadSampleRate(reader);
    if (format.sbr_rate == 0) return std::nullopt;
    object_type = ReadObjectType(reader);
  }
  if (!reader.ok() || format.sample_rate == 0) return std::nullopt;
  format.object_type = static_cast<uint8_t>(object_type);
  config.unsupported = WhyUnsupported(object_type, format);
  if (config.unsupported == nullptr) config.unsupported = ReadGeneralAudio(reader);
  if (!reader.ok()) return std::nullopt;
  return config;
}

std::optional<AacConfig> ParseAacConfig(Bytes bytes) {
  BitReader reader(bytes);
  std::optional<AacConfig> config = ParseAacConfig(reader);
  if (config.has_value() && config->unsupported == nullptr && config->format.sbr_rate == 0) {
    ReadExtension(reader, config->format);
  }
  return config;
}

// Object type: 5| rate index: 4| channels: 4| three zeros of GASpecificConfig.
std::vector<uint8_t> WriteAacConfig(const AudioFormat& format) {
  const std::optional<uint8_t> rate_index = AacRateIndex(format.sample_rate);
  HW_CHECK(rate_index.has_value());
  const unsigned bits = unsigned{format.object_type} << 11 | unsigned{*rate_index} << 7 |
                        unsigned{format.channel_config} << 3;
  return {static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits)};
}

}  // namespace headwater
