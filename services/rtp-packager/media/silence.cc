#include "services/rtp-packager/media/silence.h"

#include <array>
#include <string_view>

#include "services/common/base/check.h"
#include "services/rtp-packager/media/audio_header.h"
#include "services/rtp-packager/media/opus_packet.h"

namespace headwater {
namespace {

class BitWriter {
 public:
  explicit BitWriter(std::vector<uint8_t>& out) : out_(out) {}

  void Write(uint32_t value, int bits) {
    while (bits-- > 0) {
      if (used_ == 0) out_.push_back(0);
      const uint32_t bit = (value >> bits) & 1;
      out_.back() = static_cast<uint8_t>(out_.back() | (bit << (7 - used_)));
      used_ = (used_ + 1) % 8;
    }
  }

 private:
  std::vector<uint8_t>& out_;
  int used_ = 0;
};

// Syntactic elements of ISO 14496-3 table 4.85.
constexpr uint32_t kSingleChannel = 0;
constexpr uint32_t kChannelPair = 1;
constexpr uint32_t kLfe = 3;
constexpr uint32_t kEnd = 7;

// Elements by channel configuration (table 1.19).
constexpr std::array<std::string_view, 8> kElements = {"",    "S",   "P",    "SP",
                                                       "SPS", "SPP", "SPPL", "SPPPL"};

// Table 4.6, one long window without any scale factor band: everything from there on is zero.
void WriteIcsInfo(BitWriter& writer) {
  writer.Write(0, 1);  // reserved
  writer.Write(0, 2);  // only long sequence
  writer.Write(0, 1);  // sine window
  writer.Write(0, 6);  // max_sfb
  writer.Write(0, 1);  // no prediction
}

// Table 4.50; with no bands, section and scale factor data are empty.
void WriteChannelStream(BitWriter& writer, bool common_window) {
  writer.Write(0, 8);  // global gain
  if (!common_window) WriteIcsInfo(writer);
  writer.Write(0, 3);  // no pulses, no temporal noise shaping, no gain control
}

std::vector<uint8_t> SilentAccessUnit(uint8_t channel_config) {
  HW_CHECK(channel_config >= 1 && channel_config < kElements.size());
  std::vector<uint8_t> bytes;
  BitWriter writer(bytes);
  uint32_t singles = 0;
  uint32_t pairs = 0;
  for (const char element : kElements[channel_config]) {
    if (element == 'P') {
      writer.Write(kChannelPair, 3);
      writer.Write(pairs++, 4);
      writer.Write(1, 1);  // common window
      WriteIcsInfo(writer);
      writer.Write(0, 2);  // no mid/side stereo
      WriteChannelStream(writer, true);
      WriteChannelStream(writer, true);
    } else {
      writer.Write(element == 'L' ? kLfe : kSingleChannel, 3);
      writer.Write(element == 'L' ? 0 : singles++, 4);
      WriteChannelStream(writer, false);
    }
  }
  writer.Write(kEnd, 3);
  return bytes;
}

// All bits behind the header zero: layers 1 and 2 allocate no bits to any band; layer 3 has
// main_data_begin 0 and granules without data, so it takes nothing from the frames before.
std::vector<uint8_t> SilentMpegAudioFrame(const AudioFormat& format) {
  const MpegAudioFrameHead head = SmallestMpegAudioFrame(format);
  std::vector<uint8_t> bytes(head.bytes, head.bytes + kMpegAudioHeaderSize);
  bytes.resize(head.frame_size);
  return bytes;
}

// One CELT frame of 20 ms, full band, stereo, whose range-coded silence flag is set (RFC 6716
// section 4.3); a frame that is not there (section 3.2.1) would be concealed by more of what
// sounded before. Decoders play it in mono too.
AudioFrame SilentOpusPacket() { return {{0xfc, 0xff, 0xfe}, 960, kOpusSampleRate}; }

}  // namespace

AudioFrame MakeSilence(const AudioFormat& format) {
  switch (format.codec) {
    case AudioCodec::kAac:
      return {SilentAccessUnit(format.channel_config), format.frame_samples, format.sample_rate};
    case AudioCodec::kOpus:
      return SilentOpusPacket();
    case AudioCodec::kMpegAudio:
      break;
  }
  return {SilentMpegAudioFrame(format), format.frame_samples, format.sample_rate};
}

}  // namespace headwater
