#include "services/rtp-packager/media/audio_format.h"

#include <fmt/format.h>

#include "services/common/base/check.h"
#include "services/rtp-packager/media/aac_config.h"
#include "services/rtp-packager/media/opus_packet.h"

namespace headwater {
namespace {

constexpr uint8_t kMpaPayloadType = 14;
constexpr uint8_t kAacPayloadType = 96;
constexpr uint8_t kOpusPayloadType = 97;

std::string CodecName(const AudioFormat& format) {
  if (format.codec == AudioCodec::kMpegAudio) return fmt::format("MP{}", format.layer);
  if (format.codec == AudioCodec::kOpus) return "Opus";
  if (format.parametric_stereo) return "HE-AAC v2";
  if (format.sbr_rate != 0) return "HE-AAC";
  switch (format.object_type) {
    case 1:
      return "AAC Main";
    case 2:
      return "AAC-LC";
    case 3:
      return "AAC SSR";
    case 4:
      return "AAC LTP";
    default:
      return "AAC";
  }
}

std::string ChannelsName(uint8_t channels) {
  switch (channels) {
    case 1:
      return "mono";
    case 2:
      return "stereo";
    case 6:
      return "5.1";
    case 8:
      return "7.1";
    default:
      return fmt::format("{} channels", channels);
  }
}

// AAC profile of ISO 14496-3 table 1.14, by what the level allows.
int ProfileLevel(const AudioFormat& format) {
  if (format.sample_rate > 48000 || format.channels > 5) return 43;  // level 5
  if (format.channels > 2) return 42;                                // level 4
  return format.sample_rate > 24000 ? 41 : 40;                       // levels 2 and 1
}

// RFC 7587 section 7: clock rate and channels are constants of the format. Whether a packet is
// stereo stands in its first byte; a listener that is told to expect stereo plays both, one that is
// told nothing (the default is mono) may play one channel of it.
RtpFormat OpusRtpFormat() {
  return {.encoding = "opus",
          .payload_type = kOpusPayloadType,
          .clock_rate = kOpusSampleRate,
          .channels = 2,
          .fmtp = "sprop-stereo=1"};
}

RtpFormat MpaRtpFormat() {
  return {.encoding = "MPA", .payload_type = kMpaPayloadType, .clock_rate = 90000};
}

// RFC 3640 section 4.1.
RtpFormat AacRtpFormat(const AudioFormat& format) {
  const std::vector<uint8_t> config = WriteAacConfig(format);
  return {
      .encoding = "mpeg4-generic",
      .payload_type = kAacPayloadType,
      .clock_rate = format.sample_rate,
      .channels = format.channels,
      .fmtp = fmt::format(
          "streamtype=5; profile-level-id={}; mode=AAC-hbr; config={:02X}{:02X}; SizeLength=13; "
          "IndexLength=3; IndexDeltaLength=3",
          ProfileLevel(format), config[0], config[1])};
}

RtpFormat FormatByCodec(const AudioFormat& format) {
  switch (format.codec) {
    case AudioCodec::kAac:
      return AacRtpFormat(format);
    case AudioCodec::kOpus:
      return OpusRtpFormat();
    case AudioCodec::kMpegAudio:
      break;
  }
  return MpaRtpFormat();
}

}  // namespace

bool AudioFormat::SameStream(const AudioFormat& other) const {
  AudioFormat same_rate = other;
  same_rate.bits_per_second = bits_per_second;
  return *this == same_rate;
}

std::string AudioFormat::ToString() const {
  const uint32_t rate = sbr_rate != 0 ? sbr_rate : sample_rate;
  const uint8_t heard = parametric_stereo ? 2 : channels;
  std::string text =
      fmt::format("{} {:g} kHz {}", CodecName(*this), rate / 1000.0, ChannelsName(heard));
  if (bits_per_second != 0) text += fmt::format(" {} kb/s", (bits_per_second + 500) / 1000);
  return text;
}

bool RtpFormat::SameAnnouncement(const RtpFormat& other) const {
  return encoding == other.encoding && payload_type == other.payload_type &&
         clock_rate == other.clock_rate && channels == other.channels && fmtp == other.fmtp;
}

RtpFormat ToRtpFormat(const AudioFormat& format) {
  RtpFormat rtp = FormatByCodec(format);
  rtp.bits_per_second = format.bits_per_second;
  rtp.description = format.ToString();
  return rtp;
}

AudioFormat OpusFormat(uint8_t channels) {
  AudioFormat format;
  format.codec = AudioCodec::kOpus;
  format.layer = 0;
  format.object_type = 0;
  format.sample_rate = kOpusSampleRate;
  format.channels = channels;
  format.frame_samples = 960;
  return format;
}

}  // namespace headwater
