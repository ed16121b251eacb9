#include <algorithm>
#include <array>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"
#include "services/rtp-packager/media/audio_header.h"

namespace headwater {
namespace {

// ISO 14496-3 table 1.18, Hz.
constexpr std::array<uint32_t, 13> kSampleRates = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                                   22050, 16000, 12000, 11025, 8000,  7350};

}  // namespace

uint32_t AacRate(uint32_t index) { return index < kSampleRates.size() ? kSampleRates[index] : 0; }

std::optional<uint8_t> AacRateIndex(uint32_t sample_rate) {
  const auto it = std::find(kSampleRates.begin(), kSampleRates.end(), sample_rate);
  if (it == kSampleRates.end()) return std::nullopt;
  return static_cast<uint8_t>(it - kSampleRates.begin());
}

// AAAAAAAA AAAABCCD EEFFFFGH HHIJKLMM MMMMMMMM MMMOOOOO OOOOOOPP: A sync, B MPEG version, C layer
// (0), D no CRC, E object type - 1, F sample rate, H channels, M length of the frame with header, O
// buffer fullness, P raw data blocks - 1.
std::optional<AudioHeader> ParseAdtsHeader(Bytes bytes) {
  ByteReader reader(bytes);
  const uint16_t sync = reader.U16();
  const uint32_t word = reader.U32();
  const uint8_t last = reader.U8();
  if (!reader.ok() || (sync & 0xfff6) != 0xfff0) return std::nullopt;
  const uint8_t rate_index = (word >> 26) & 15;
  if (rate_index >= kSampleRates.size()) return std::nullopt;
  AudioHeader header;
  AudioFormat& format = header.format;
  format.codec = AudioCodec::kAac;
  format.layer = 0;
  format.object_type = static_cast<uint8_t>(1 + (word >> 30));
  format.channel_config = (word >> 22) & 7;
  format.channels = format.channel_config == 7 ? 8 : format.channel_config;
  format.sample_rate = kSampleRates[rate_index];
  format.frame_samples = 1024;
  header.size = (word >> 5) & 0x1fff;
  header.header_size = (sync & 1) != 0 ? 7 : 9;
  if (header.size <= header.header_size) return std::nullopt;
  if (format.channel_config == 0) {
    header.unsupported = "AAC that names its channels in a program config element";
  } else if ((last & 3) != 0) {
    header.unsupported = "AAC with several raw data blocks in an ADTS frame";
  }
  return header;
}

void WriteAdtsHeader(const AudioFormat& format, size_t frame_size, std::vector<uint8_t>& out) {
  const std::optional<uint8_t> rate_index = AacRateIndex(format.sample_rate);
  HW_CHECK(rate_index && format.object_type >= 1 && format.object_type <= 4);
  HW_CHECK(frame_size <= kAdtsFrameMax);
  ByteWriter writer(out);
  writer.U16(0xfff1);
  const size_t size = frame_size + kAdtsHeaderSize;
  // The buffer's fullness, all ones: the bit rate varies.
  writer.U32(static_cast<uint32_t>((format.object_type - 1u) << 30 | uint32_t{*rate_index} << 26 |
                                   (format.channel_config & 7u) << 22 | size << 5 | 0x1f));
  writer.U8(0xfc);
}

}  // namespace headwater
