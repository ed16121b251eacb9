#include "services/rtp-packager/media/announcement.h"

#include <string_view>
#include <vector>

#include "services/rtp-packager/media/aac_config.h"

namespace headwater {
namespace {

constexpr uint8_t kObjectTypeLc = 2;

int HexDigit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

// The AudioSpecificConfig in an fmtp line of RFC 3640 ("config=1210"); empty: none.
std::vector<uint8_t> ConfigIn(std::string_view fmtp) {
  constexpr std::string_view kKey = "config=";
  std::vector<uint8_t> config;
  size_t at = fmtp.find(kKey);
  if (at == std::string_view::npos) return config;
  for (at += kKey.size(); at + 1 < fmtp.size(); at += 2) {
    const int high = HexDigit(fmtp[at]);
    const int low = HexDigit(fmtp[at + 1]);
    if (high < 0 || low < 0) break;
    config.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return config;
}

std::optional<AudioFormat> EncodableAac(const RtpFormat& announced) {
  const std::vector<uint8_t> bytes = ConfigIn(announced.fmtp);
  const std::optional<AacConfig> config = ParseAacConfig(bytes);
  if (!config || config->unsupported != nullptr) return std::nullopt;
  AudioFormat format = config->format;
  if (format.object_type != kObjectTypeLc || format.channels > 2) return std::nullopt;
  // Nothing beyond the core: it is what will be made.
  if (WriteAacConfig(format) != bytes) return std::nullopt;
  format.bits_per_second = announced.bits_per_second;
  return format;
}

}  // namespace

std::optional<AudioFormat> EncodableAs(const RtpFormat& announced) {
  if (announced.encoding == "MPA") {
    return AudioFormat{
        .codec = AudioCodec::kMpegAudio, .layer = 3, .bits_per_second = announced.bits_per_second};
  }
  if (announced.encoding == "opus") {
    AudioFormat format = OpusFormat(0);
    format.bits_per_second = announced.bits_per_second;
    return format;
  }
  if (announced.encoding == "mpeg4-generic") return EncodableAac(announced);
  return std::nullopt;
}

}  // namespace headwater
