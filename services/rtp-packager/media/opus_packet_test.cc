#include "services/rtp-packager/media/opus_packet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "services/rtp-packager/media/payloader.h"
#include "services/rtp-packager/media/silence.h"

namespace headwater {
namespace {

using Packet = std::vector<uint8_t>;

Packet Cat(std::initializer_list<Packet> parts) {
  Packet out;
  for (const Packet& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

std::vector<size_t> Sizes(const Packet& packet) {
  const auto view = OpusPacketView::Parse(packet);
  if (!view.has_value()) return {SIZE_MAX};
  std::vector<size_t> sizes;
  for (size_t i = 0; i < view->frame_count; ++i) sizes.push_back(view->frames[i].size());
  return sizes;
}

TEST(OpusPacketTest, TellsTheDurationOfEveryConfiguration) {
  // RFC 6716 table 2, in samples of 48 kHz.
  const std::vector<uint32_t> expected = {
      480, 960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 480, 960,
      120, 240, 480,  960,  120, 240, 480,  960,  120, 240, 480,  960,  120, 240, 480, 960};
  for (uint8_t config = 0; config < 32; ++config) {
    const auto view = OpusPacketView::Parse(Packet{static_cast<uint8_t>(config << 3), 1});
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ(view->samples(), expected[config]) << int{config};
  }
}

TEST(OpusPacketTest, FindsTheFramesOfEveryCode) {
  EXPECT_EQ(Sizes({0xfc}), (std::vector<size_t>{0})) << "nothing was sent";
  EXPECT_EQ(Sizes({0xfc, 1, 2, 3}), (std::vector<size_t>{3}));
  EXPECT_EQ(Sizes({0xfd, 1, 2, 3, 4}), (std::vector<size_t>{2, 2}));
  EXPECT_EQ(Sizes({0xfe, 1, 9, 8, 8}), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(Sizes(Cat({{0xfe, 252, 1}, Packet(258, 7)})), (std::vector<size_t>{256, 2}));
  EXPECT_EQ(Sizes({0xff, 3, 1, 2, 3}), (std::vector<size_t>{1, 1, 1}));
  EXPECT_EQ(Sizes({0xff, 0x83, 1, 0, 9, 8, 8}), (std::vector<size_t>{1, 0, 2}));
  EXPECT_EQ(Sizes({0xff, 0x42, 2, 9, 8, 0, 0}), (std::vector<size_t>{1, 1})) << "padding";
  EXPECT_EQ(Sizes(Cat({{0xff, 0x41, 255, 1, 9}, Packet(255, 0)})), (std::vector<size_t>{1}));
}

TEST(OpusPacketTest, RefusesWhatBreaksARule) {
  const std::vector<size_t> refused = {SIZE_MAX};
  EXPECT_EQ(Sizes({}), refused);                                       // R1
  EXPECT_EQ(Sizes(Cat({{0xfc}, Packet(1276, 0)})), refused);           // R2
  EXPECT_EQ(Sizes({0xfd, 1, 2, 3}), refused);                          // R3
  EXPECT_EQ(Sizes({0xfe}), refused);                                   // R4
  EXPECT_EQ(Sizes({0xfe, 3, 1, 2}), refused);                          // R4
  EXPECT_EQ(Sizes({0xff}), refused);                                   // R6
  EXPECT_EQ(Sizes({0xff, 0}), refused);                                // R5: no frame
  EXPECT_EQ(Sizes(Cat({{0xff, 7}, Packet(7, 1)})), refused);           // R5: 140 ms
  EXPECT_EQ(Sizes(Cat({{0xe3, 49}, Packet(49, 1)})), refused);         // R5: 122.5 ms
  EXPECT_EQ(Sizes({0xff, 2, 1, 2, 3}), refused);                       // R6: not two of a size
  EXPECT_EQ(Sizes({0xff, 0x41, 5, 1}), refused);                       // R6: all padding and more
  EXPECT_EQ(Sizes({0xff, 0x41, 255}), refused);                        // R6
  EXPECT_EQ(Sizes({0xff, 0x82, 4, 1, 2}), refused);                    // R7
  EXPECT_EQ(Sizes(Cat({{0xff, 0x82, 0}, Packet(1276, 0)})), refused);  // R2
}

struct Payload {
  Packet bytes;
  bool marker;
  MediaTime time;
  Duration length;
};

std::vector<Payload> Payloads(const std::vector<AudioFrame>& frames, size_t payload_max) {
  const auto payloader = MakePayloader(AudioCodec::kOpus, {.payload_max = payload_max});
  MediaClock clock(kOpusSampleRate, RtpTimestamp(0));
  std::vector<Payload> out;
  for (const AudioFrame& frame : frames) {
    payloader->Push(frame.view(), clock.now());
    clock.Advance(frame.samples, frame.sample_rate);
    while (const RtpPayload* payload = payloader->Next()) {
      out.push_back({{payload->bytes.begin(), payload->bytes.end()},
                     payload->marker,
                     payload->time,
                     payload->length});
    }
  }
  return out;
}

TEST(OpusPayloadTest, APacketIsAPayload) {
  const std::vector<AudioFrame> frames = {
      {{0xfc, 1, 2}, 960, 48000}, {{0x1c, 3}, 2880, 48000}, {{0xfc}, 960, 48000}};
  const auto payloads = Payloads(frames, 1400);
  ASSERT_EQ(payloads.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(payloads[i].bytes, frames[i].bytes);
    EXPECT_FALSE(payloads[i].marker) << "no talkspurts: it never pauses";
  }
  EXPECT_EQ(payloads[1].time, (MediaTime{RtpTimestamp(960), 20ms}));
  EXPECT_EQ(payloads[1].length, 60ms);
  EXPECT_EQ(payloads[2].time, (MediaTime{RtpTimestamp(3840), 80ms}));
}

TEST(OpusPayloadTest, ATooLargePacketIsSentFrameByFrame) {
  // Three CELT frames of 20 ms, stereo, at 120, 70 and 50 bytes.
  const Packet large = Cat({{0xff, 0x83, 120, 70}, Packet(120, 1), Packet(70, 2), Packet(50, 3)});
  const auto payloads = Payloads({{large, 2880, 48000}, {{0xfc, 9}, 960, 48000}}, 100);
  ASSERT_EQ(payloads.size(), 4u);
  EXPECT_EQ(payloads[0].bytes, Packet{0xfc}) << "does not fit by itself: an empty frame";
  EXPECT_EQ(payloads[1].bytes, Cat({{0xfc}, Packet(70, 2)}));
  EXPECT_EQ(payloads[2].bytes, Cat({{0xfc}, Packet(50, 3)}));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(payloads[i].time, (MediaTime{RtpTimestamp(static_cast<uint32_t>(960 * i)),
                                           static_cast<int64_t>(i) * Duration(20ms)}));
    EXPECT_EQ(payloads[i].length, 20ms);
  }
}

TEST(OpusPayloadTest, SilenceIsAPacketOfTheRightLength) {
  const AudioFrame silence = MakeSilence(OpusFormat(1));
  const auto view = OpusPacketView::Parse(silence.bytes);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->samples(), silence.samples);
  EXPECT_EQ(silence.sample_rate, 48000u);
}

TEST(OpusFormatTest, IsAnnouncedAlikeWhateverItHolds) {
  const RtpFormat stereo = ToRtpFormat(OpusFormat(2));
  EXPECT_EQ(stereo.encoding, "opus");
  EXPECT_EQ(stereo.payload_type, 97);
  EXPECT_EQ(stereo.clock_rate, 48000u);
  EXPECT_EQ(stereo.channels, 2u);
  EXPECT_EQ(stereo.fmtp, "sprop-stereo=1");
  EXPECT_EQ(stereo.description, "Opus 48 kHz stereo");
  const RtpFormat mono = ToRtpFormat(OpusFormat(1));
  EXPECT_EQ(mono.description, "Opus 48 kHz mono");
  EXPECT_TRUE(stereo.SameAnnouncement(mono));
}

}  // namespace
}  // namespace headwater
