#include "services/rtp-packager/media/libav_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <complex>
#include <numbers>

#include "services/common/time/clock.h"
#include "services/rtp-packager/media/media_samples.h"
#include "services/rtp-packager/media/payloader.h"
#include "services/rtp-packager/media/silence.h"
#include "services/rtp-packager/media/test_tone.h"
#include "services/rtp-packager/rtp/rtp_packet.h"

namespace headwater {
namespace {

struct Payload {
  std::vector<uint8_t> bytes;
  uint32_t ticks;  // since the first
  bool operator==(const Payload&) const = default;
};

std::vector<Payload> Ours(const AudioFormat& format, const std::vector<AudioFrame>& frames,
                          const PayloaderOptions& options) {
  std::vector<Payload> out;
  const std::unique_ptr<Payloader> payloader = MakePayloader(format.codec, options);
  MediaClock clock(ToRtpFormat(format).clock_rate, RtpTimestamp(0));
  for (size_t i = 0; i <= frames.size(); ++i) {
    if (i < frames.size()) {
      payloader->Push(frames[i].view(), clock.now());
      clock.Advance(frames[i].samples, frames[i].sample_rate);
    } else {
      payloader->Flush();
    }
    while (const RtpPayload* payload = payloader->Next()) {
      out.push_back(
          {{payload->bytes.begin(), payload->bytes.end()}, payload->time.timestamp.value()});
    }
  }
  return out;
}

std::vector<Payload> Theirs(const AudioFormat& format, const std::vector<AudioFrame>& frames,
                            int packet_size, int max_delay_us) {
  std::vector<Payload> out;
  std::optional<RtpTimestamp> first;
  for (const auto& bytes : PacketsOfLibav(format, frames, packet_size, max_delay_us)) {
    const auto packet = RtpPacketView::Parse(bytes);
    EXPECT_TRUE(packet.ok());
    if (!packet.ok()) continue;
    if (!first.has_value()) first = packet->header.timestamp;
    out.push_back({{packet->payload.begin(), packet->payload.end()},
                   static_cast<uint32_t>(packet->header.timestamp.DistanceFrom(*first))});
  }
  return out;
}

// Timestamps may differ by the rounding of a tick. FFmpeg's muxer does not send what it has
// gathered when the stream ends.
void ExpectSame(const std::vector<Payload>& ours, const std::vector<Payload>& theirs) {
  ASSERT_LE(theirs.size(), ours.size());
  ASSERT_GE(theirs.size() + 1, ours.size());
  ASSERT_GE(theirs.size(), 1u);
  for (size_t i = 0; i < theirs.size(); ++i) {
    EXPECT_EQ(ours[i].bytes, theirs[i].bytes) << "packet " << i;
    EXPECT_NEAR(ours[i].ticks, theirs[i].ticks, 1) << "packet " << i;
  }
}

TEST(PayloadOracleTest, MpaIsByteForByteWhatFfmpegSends) {
  for (const char* name : {kMp3, kMp3Mono, kMp2}) {
    const Framed framed = Frame(ReadSample(name));
    // 300: frames are cut.
    for (const size_t payload_max : {300, 1000, 1400}) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(payload_max));
      ExpectSame(
          Ours(framed.formats[0], framed.frames, {.payload_max = payload_max, .group_max = 60s}),
          Theirs(framed.formats[0], framed.frames, static_cast<int>(payload_max + RtpHeader::kSize),
                 60'000'000));
    }
  }
}

TEST(PayloadOracleTest, AacIsByteForByteWhatFfmpegSends) {
  for (const char* name : {kAac, kAacMono, kLoas, kHeAac, kHeAac2Loas}) {
    const Framed framed = Frame(ReadSample(name));
    SCOPED_TRACE(name);
    // One access unit a packet: how many FFmpeg gathers depends on its buffer.
    ExpectSame(Ours(framed.formats[0], framed.frames, {.payload_max = 1400, .group_max = 0s}),
               Theirs(framed.formats[0], framed.frames, 1412, 1));
    const Duration five = 5 * 1024 * Duration(1s) / framed.formats[0].sample_rate;
    ExpectSame(
        Ours(framed.formats[0], framed.frames, {.payload_max = 1400, .group_max = five - 1ms}),
        Theirs(framed.formats[0], framed.frames, 1412,
               static_cast<int>((five - 1ms) / std::chrono::microseconds(1))));
  }
}

TEST(PayloadOracleTest, OpusIsByteForByteWhatFfmpegSends) {
  for (const char* name : {kOpus, kOpusMono}) {
    SCOPED_TRACE(name);
    const Framed framed = Frame(ReadSample(name));
    const std::vector<Payload> ours = Ours(framed.formats[0], framed.frames, {});
    EXPECT_EQ(ours.size(), framed.frames.size());
    ExpectSame(ours, Theirs(framed.formats[0], framed.frames, 1412, 1));
  }
}

std::vector<AudioFormat> EveryMpegFormat() {
  std::vector<AudioFormat> formats;
  for (const uint32_t rate : {44100, 48000, 32000, 22050, 24000, 16000, 11025, 12000, 8000}) {
    for (const uint8_t layer : std::vector<uint8_t>{1, 2, 3}) {
      for (const uint8_t channels : std::vector<uint8_t>{1, 2}) {
        AudioFormat format;
        format.layer = layer;
        format.sample_rate = rate;
        format.channels = channels;
        format.frame_samples = layer == 1 ? 384 : (layer == 3 && rate < 32000 ? 576 : 1152);
        // MPEG 2.5 is of layer 3 alone.
        if (rate >= 16000 || layer == 3) formats.push_back(format);
      }
    }
  }
  return formats;
}

void ExpectSilence(const AudioFormat& format) {
  SCOPED_TRACE(format.ToString());
  const AudioFrame frame = MakeSilence(format);
  EXPECT_EQ(frame.samples, format.frame_samples);
  const Decoded decoded = DecodeWithLibav(format, {frame, frame, frame, frame});
  EXPECT_EQ(decoded.sample_rate, static_cast<int>(format.sample_rate));
  ASSERT_EQ(decoded.channels.size(), format.channels);
  for (const auto& channel : decoded.channels) {
    EXPECT_EQ(channel.size(), 4 * format.frame_samples);
    EXPECT_TRUE(std::all_of(channel.begin(), channel.end(), [](float s) { return s == 0; }));
  }
}

TEST(SilenceOracleTest, EveryMpegAudioFormatDecodesToDigitalSilence) {
  for (const AudioFormat& format : EveryMpegFormat()) {
    ExpectSilence(format);
    // It frames as what it is silence for.
    const AudioFrame frame = MakeSilence(format);
    const Framed framed = Frame(Join({frame.bytes, frame.bytes, frame.bytes}));
    ASSERT_EQ(framed.formats.size(), 1u);
    AudioFormat same = format;
    same.object_type = framed.formats[0].object_type;
    EXPECT_TRUE(framed.formats[0].SameStream(same)) << framed.formats[0].ToString();
  }
}

TEST(SilenceOracleTest, EveryAacChannelConfigurationDecodesToDigitalSilence) {
  for (const uint32_t rate : {44100, 48000, 24000, 8000}) {
    for (uint8_t config = 1; config <= 7; ++config) {
      AudioFormat format = Frame(ReadSample(kAac)).formats[0];
      format.sample_rate = rate;
      format.channel_config = config;
      format.channels = config == 7 ? 8 : config;
      ExpectSilence(format);
    }
  }
}

TEST(SilenceOracleTest, SilenceBetweenFramesKeepsTheDecoderInStep) {
  for (const char* name : {kMp3, kAac}) {
    const Framed framed = Frame(ReadSample(name));
    std::vector<AudioFrame> frames(framed.frames.begin(), framed.frames.begin() + 20);
    for (int i = 0; i < 10; ++i) frames.push_back(MakeSilence(framed.formats[0]));
    frames.insert(frames.end(), framed.frames.begin() + 20, framed.frames.end());
    const Decoded decoded = DecodeWithLibav(framed.formats[0], frames);
    const size_t samples = framed.formats[0].frame_samples;
    ASSERT_EQ(decoded.channels[0].size(), frames.size() * samples) << name;
    // The overlap of the last frame sounds into the first silent one; then nothing.
    for (size_t i = 22 * samples; i < 29 * samples; ++i) ASSERT_EQ(decoded.channels[0][i], 0.0f);
  }
}

// Strength of one frequency: 1 for a sine of full scale.
double Strength(const std::vector<float>& samples, size_t begin, size_t count, double hz,
                int rate = 48000) {
  std::complex<double> sum = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += static_cast<double>(samples[begin + i]) *
           std::polar(1.0, -2 * std::numbers::pi * hz * static_cast<double>(begin + i) / rate);
  }
  return 2 * std::abs(sum) / static_cast<double>(count);
}

// Announced is the core's config, in which SBR and parametric stereo are implicit.
TEST(HeAacOracleTest, DecodesAtItsRateAndLengthFromTheCoresConfig) {
  for (const char* name : {kHeAac, kHeAacLoas, kHeAac2, kHeAac2Loas}) {
    SCOPED_TRACE(name);
    const Framed framed = Frame(ReadSample(name));
    const AudioFormat& format = framed.formats[0];
    const Decoded decoded = DecodeWithLibav(format, framed.frames);
    EXPECT_EQ(decoded.sample_rate, 44100);
    ASSERT_EQ(decoded.channels.size(), 2u);
    const double heard = static_cast<double>(decoded.channels[0].size()) / 44100;
    const double sent =
        static_cast<double>(framed.frames.size() * framed.frames[0].samples) / format.sample_rate;
    EXPECT_NEAR(heard, sent, 1e-9);
    EXPECT_GT(Strength(decoded.channels[0], 22050, 22050, 440, 44100), 0.1);
    EXPECT_LT(Strength(decoded.channels[0], 22050, 22050, 660, 44100), 0.03);
    EXPECT_GT(Strength(decoded.channels[1], 22050, 22050, 660, 44100), 0.1);
  }
}

TEST(HeAacOracleTest, SilenceBetweenFramesKeepsTheDecoderInStep) {
  for (const char* name : {kHeAac, kHeAac2}) {
    SCOPED_TRACE(name);
    const Framed framed = Frame(ReadSample(name));
    std::vector<AudioFrame> frames(framed.frames.begin(), framed.frames.begin() + 15);
    for (int i = 0; i < 10; ++i) frames.push_back(MakeSilence(framed.formats[0]));
    frames.insert(frames.end(), framed.frames.begin() + 15, framed.frames.end());
    const Decoded decoded = DecodeWithLibav(framed.formats[0], frames);
    EXPECT_EQ(decoded.sample_rate, 44100);
    ASSERT_EQ(decoded.channels.size(), 2u);
    ASSERT_EQ(decoded.channels[0].size(), frames.size() * 2048);
    for (size_t i = 18 * 2048; i < 24 * 2048; ++i) {
      ASSERT_NEAR(decoded.channels[0][i], 0, 1e-4) << i / 2048;
    }
  }
}

TEST(SilenceOracleTest, OpusSilenceIsDigitalSilenceBehindEveryMode) {
  for (const char* name : {kOpus, kOpusMono}) {
    SCOPED_TRACE(name);
    const Framed framed = Frame(ReadSample(name));
    const std::vector<AudioFrame> before(framed.frames.begin(), framed.frames.begin() + 6);
    std::vector<AudioFrame> frames = before;
    for (int i = 0; i < 10; ++i) frames.push_back(MakeSilence(framed.formats[0]));
    frames.insert(frames.end(), before.begin(), before.end());
    const Decoded decoded = DecodeWithLibav(framed.formats[0], frames);
    ASSERT_EQ(decoded.sample_rate, 48000);
    ASSERT_EQ(decoded.channels.size(), 2u) << "as announced";
    const size_t sound = 6 * framed.frames[0].samples;
    ASSERT_EQ(decoded.channels[0].size(), 2 * sound + 10 * 960);
    for (const std::vector<float>& channel : decoded.channels) {
      // The overlap, and FFmpeg's own delay of the resampled modes, sound into the first one.
      for (size_t i = sound + 2 * 960; i < sound + 9 * 960; ++i) ASSERT_NEAR(channel[i], 0, 1e-4);
    }
  }
}

class TestToneTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const MonoTime begin = MonoNow();
    auto tone = MakeTestTone();
    encoding_time_ = MonoNow() - begin;
    ASSERT_TRUE(tone.ok());
    tone_ = *std::move(tone);
    std::vector<AudioFrame> thrice;
    for (int i = 0; i < 3; ++i) {
      thrice.insert(thrice.end(), tone_.frames.begin(), tone_.frames.end());
    }
    pcm_ = DecodeWithLibav(tone_.format, thrice).channels[0];
  }

  static inline TestTone tone_;
  static inline Duration encoding_time_;
  static inline std::vector<float> pcm_;
};

TEST_F(TestToneTest, IsMp2At48kHzOfThreeSeconds) {
  EXPECT_EQ(tone_.format.ToString(), "MP2 48 kHz stereo 128 kb/s");
  EXPECT_EQ(tone_.frames.size(), 125u);
  EXPECT_EQ(pcm_.size(), 3u * 144000);
  EXPECT_LT(encoding_time_, 100ms);
}

TEST_F(TestToneTest, SoundsAt440HzAndBeepsAt1kHzEachSecond) {
  // Encoder and decoder delay the sound by 481 samples.
  const size_t delay = 481;
  for (size_t second = 1; second < 8; ++second) {
    const size_t begin = second * 48000 + delay;
    EXPECT_NEAR(Strength(pcm_, begin + 200, 4400, 1000), 0.3, 0.02) << second;
    EXPECT_LT(Strength(pcm_, begin + 200, 4400, 440), 0.05) << second;
    EXPECT_NEAR(Strength(pcm_, begin + 6000, 36000, 440), 0.3, 0.02) << second;
    EXPECT_LT(Strength(pcm_, begin + 6000, 36000, 1000), 0.01) << second;
  }
}

TEST_F(TestToneTest, LoopsWithoutASeam) {
  // The second and third turn are the same, also across their border: nothing is left of the start.
  for (size_t i = 144000 - 2000; i < 144000 + 2000; ++i) {
    ASSERT_NEAR(pcm_[i], pcm_[i + 144000], 1e-3) << i;
  }
  // A sine of amplitude 0.3 at 1 kHz moves at most 0.04 between two samples; a click would move
  // more.
  for (size_t i = 1; i < pcm_.size(); ++i) {
    if (i < 1000) continue;
    ASSERT_LT(std::abs(pcm_[i] - pcm_[i - 1]), 0.06) << i;
  }
}

}  // namespace
}  // namespace headwater
