#include <algorithm>
#include <array>
#include <string_view>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/rtp-packager/media/audio_header.h"

namespace headwater {
namespace {

// Version field: 3 is MPEG-1, 2 MPEG-2, 0 MPEG 2.5, 1 reserved.
constexpr uint8_t kVersion1 = 3;

// kb/s by index 1..14; ISO 11172-3 and 13818-3, section 2.4.2.3.
using RateTable = std::array<uint16_t, 15>;
constexpr std::array<RateTable, 3> kRatesVersion1 = {{
    {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
}};
constexpr std::array<RateTable, 3> kRatesVersion2 = {{
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
}};
// Hz, by version field and index.
constexpr std::array<std::array<uint32_t, 3>, 4> kSampleRates = {{
    {11025, 12000, 8000},
    {0, 0, 0},
    {22050, 24000, 16000},
    {44100, 48000, 32000},
}};

uint32_t KilobitsPerSecond(uint8_t version, uint8_t layer, uint8_t index) {
  return (version == kVersion1 ? kRatesVersion1 : kRatesVersion2)[layer - 1u][index];
}

uint32_t FrameSamples(uint8_t version, uint8_t layer) {
  if (layer == 1) return 384;
  return layer == 3 && version != kVersion1 ? 576 : 1152;
}

size_t FrameSize(uint8_t layer, uint32_t samples, uint32_t bits_per_second, uint32_t sample_rate,
                 bool padding) {
  // Layer 1 counts in slots of four bytes.
  if (layer == 1) return size_t{4} * (12 * bits_per_second / sample_rate + (padding ? 1 : 0));
  return samples / 8 * bits_per_second / sample_rate + (padding ? 1 : 0);
}

// Of layer 3: bytes of side information behind the header.
size_t SideInfoSize(bool version1, bool mono) {
  if (version1) return mono ? 17 : 32;
  return mono ? 9 : 17;
}

}  // namespace

// AAAAAAAA AAABBCCD EEEEFFGH IIJJKLMM: A sync, B version, C layer (3 is layer 1), D no CRC, E bit
// rate, F sample rate, G padding, H private, I mode (3 is mono), J mode extension, K copyright, L
// original, M emphasis (2 reserved).
std::optional<AudioHeader> ParseMpegAudioHeader(Bytes bytes) {
  ByteReader reader(bytes);
  const uint32_t word = reader.U32();
  if (!reader.ok() || word >> 21 != 0x7ff) return std::nullopt;
  const uint8_t version = (word >> 19) & 3;
  const uint8_t layer_field = (word >> 17) & 3;
  const uint8_t rate_index = (word >> 12) & 15;
  const uint8_t sample_rate_index = (word >> 10) & 3;
  if (version == 1 || layer_field == 0 || rate_index == 0 || rate_index == 15 ||
      sample_rate_index == 3 || (word & 3) == 2) {
    return std::nullopt;
  }
  AudioHeader header;
  AudioFormat& format = header.format;
  format.codec = AudioCodec::kMpegAudio;
  format.layer = static_cast<uint8_t>(4 - layer_field);
  format.object_type = 0;
  format.sample_rate = kSampleRates[version][sample_rate_index];
  format.channels = ((word >> 6) & 3) == 3 ? 1 : 2;
  format.frame_samples = FrameSamples(version, format.layer);
  format.bits_per_second = 1000 * KilobitsPerSecond(version, format.layer, rate_index);
  header.size = FrameSize(format.layer, format.frame_samples, format.bits_per_second,
                          format.sample_rate, ((word >> 9) & 1) != 0);
  return header;
}

MpegAudioFrameHead SmallestMpegAudioFrame(const AudioFormat& format) {
  HW_CHECK(format.codec == AudioCodec::kMpegAudio && format.layer >= 1 && format.layer <= 3);
  uint8_t version = 0;
  uint8_t sample_rate_index = 0;
  bool found = false;
  for (uint8_t v = 0; v < 4; ++v) {
    for (uint8_t i = 0; i < 3; ++i) {
      if (kSampleRates[v][i] != format.sample_rate || format.sample_rate == 0) continue;
      version = v;
      sample_rate_index = i;
      found = true;
    }
  }
  HW_CHECK(found);
  const bool mono = format.channels == 1;
  const bool version1 = version == kVersion1;
  // Layer 2 of MPEG-1 knows two channels from 64 kb/s up, save 80 (ISO 11172-3 section 2.4.2.3):
  // index 4.
  uint8_t rate_index = version1 && format.layer == 2 && !mono ? 4 : 1;
  // Layer 3 must hold its side information; layers 1 and 2 their bit allocation, all zero, 188 bits
  // at most.
  const size_t content = format.layer == 3 ? SideInfoSize(version1, mono) : 32;
  size_t size = 0;
  for (;; ++rate_index) {
    HW_CHECK(rate_index < 15);
    size = FrameSize(format.layer, FrameSamples(version, format.layer),
                     1000 * KilobitsPerSecond(version, format.layer, rate_index),
                     format.sample_rate, /*padding=*/false);
    if (size >= kMpegAudioHeaderSize + content) break;
  }
  return {{0xff, static_cast<uint8_t>(0xe0 | (version << 3) | ((4 - format.layer) << 1) | 1),
           static_cast<uint8_t>((rate_index << 4) | (sample_rate_index << 2)),
           static_cast<uint8_t>(mono ? 0xc0 : 0x00)},
          size};
}

bool IsMpegInfoFrame(Bytes frame) {
  const std::optional<AudioHeader> header = ParseMpegAudioHeader(frame);
  if (!header.has_value() || header->format.layer != 3) return false;
  const auto has = [&](size_t offset, std::string_view tag) {
    return frame.size() >= offset + tag.size() && AsText(frame.subspan(offset, tag.size())) == tag;
  };
  const bool mono = header->format.channels == 1;
  const bool version1 = header->format.frame_samples == 1152;
  const size_t offset = kMpegAudioHeaderSize + SideInfoSize(version1, mono);
  return has(offset, "Xing") || has(offset, "Info") || has(kMpegAudioHeaderSize + 32, "VBRI");
}

}  // namespace headwater
