#include "services/rtp-packager/rtp/rtp_packet.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "services/rtp-packager/rtp/media_clock.h"
#include "services/rtp-packager/rtp/member_sketch.h"

namespace headwater {
namespace {

// First packet of `ffmpeg -f rtp` with MP2, and its first eight bytes of payload.
const std::vector<uint8_t> kCapture = {0x80, 0x0e, 0x1c, 0xbf, 0x7d, 0x73, 0x63, 0x14, 0x0d, 0xf0,
                                       0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0xff, 0xfd, 0x84, 0x04};

TEST(RtpPacketTest, FromCapture) {
  const auto packet = RtpPacketView::Parse(kCapture);
  ASSERT_TRUE(packet.ok());
  EXPECT_EQ(packet->header, (RtpHeader{.marker = false,
                                       .payload_type = 14,
                                       .sequence = SequenceNumber(0x1cbf),
                                       .timestamp = RtpTimestamp(0x7d736314),
                                       .ssrc = Ssrc{0x0df00d01}}))
      << packet->header.ToString();
  EXPECT_EQ(packet->payload.size(), 8u);
  EXPECT_TRUE(packet->csrcs.empty());
  EXPECT_FALSE(packet->extension.has_value());
}

TEST(RtpPacketTest, RoundTrips) {
  const RtpHeader header{.marker = true,
                         .payload_type = 96,
                         .sequence = SequenceNumber(65535),
                         .timestamp = RtpTimestamp(0xfffffffe),
                         .ssrc = Ssrc{0xdeadbeef}};
  std::vector<uint8_t> bytes;
  header.SerializeTo(bytes);
  ASSERT_EQ(bytes.size(), RtpHeader::kSize);
  const auto packet = RtpPacketView::Parse(bytes);
  ASSERT_TRUE(packet.ok());
  EXPECT_EQ(packet->header, header);
  EXPECT_TRUE(packet->payload.empty());
}

TEST(RtpPacketTest, EveryTruncationOfHeaderCsrcAndExtensionIsAnError) {
  std::vector<uint8_t> bytes = kCapture;
  bytes[0] = 0x92;  // extension, two CSRCs
  bytes.resize(12);
  const std::vector<uint8_t> rest = {0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 9, 9, 9, 9};
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  const auto whole = RtpPacketView::Parse(bytes);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->csrcs.size(), 8u);
  EXPECT_EQ(whole->extension, 0xbede);
  EXPECT_EQ(whole->extension_data.size(), 4u);
  EXPECT_TRUE(whole->payload.empty());
  for (size_t length = 0; length < bytes.size(); ++length) {
    const auto cut = RtpPacketView::Parse(Bytes(bytes).first(length));
    ASSERT_FALSE(cut.ok()) << length;
    EXPECT_EQ(cut.error(), RtpError::kTruncated) << length;
  }
}

TEST(RtpPacketTest, StripsPaddingAndRefusesAnImpossibleOne) {
  std::vector<uint8_t> bytes = kCapture;
  bytes[0] = 0xa0;
  bytes.back() = 3;
  const auto padded = RtpPacketView::Parse(bytes);
  ASSERT_TRUE(padded.ok());
  EXPECT_EQ(padded->payload.size(), 5u);
  for (const uint8_t wrong : std::vector<uint8_t>{0, 9, 255}) {
    bytes.back() = wrong;
    const auto packet = RtpPacketView::Parse(bytes);
    ASSERT_FALSE(packet.ok());
    EXPECT_EQ(packet.error(), RtpError::kPadding);
  }
  const auto empty = RtpPacketView::Parse(Bytes(bytes).first(12));
  ASSERT_FALSE(empty.ok());
  EXPECT_EQ(empty.error(), RtpError::kPadding);
}

TEST(RtpPacketTest, RefusesOtherVersionsAndRtcp) {
  std::vector<uint8_t> bytes = kCapture;
  bytes[0] = 0x40;
  EXPECT_EQ(RtpPacketView::Parse(bytes).error(), RtpError::kVersion);
  bytes[0] = 0x80;
  bytes[1] = 200;
  EXPECT_EQ(RtpPacketView::Parse(bytes).error(), RtpError::kRtcp);
}

TEST(RtpTypesTest, SequenceNumbersAndTimestampsCompareAcrossTheWrap) {
  EXPECT_TRUE(SequenceNumber(2).IsNewerThan(SequenceNumber(65534)));
  EXPECT_FALSE(SequenceNumber(65534).IsNewerThan(SequenceNumber(2)));
  EXPECT_EQ(SequenceNumber(2).DistanceFrom(SequenceNumber(65534)), 4);
  EXPECT_EQ(SequenceNumber(65535).Next(), SequenceNumber(0));
  EXPECT_TRUE(RtpTimestamp(5).IsNewerThan(RtpTimestamp(0xfffffff0)));
  EXPECT_EQ(RtpTimestamp(5).DistanceFrom(RtpTimestamp(0xfffffff0)), 21);
  EXPECT_EQ(RtpTimestamp(0xfffffff0) + 21, RtpTimestamp(5));
  EXPECT_EQ(RtpTimestamp(5) + -21, RtpTimestamp(0xfffffff0));
}

TEST(RtpTypesTest, NtpTimeCountsFrom1900) {
  EXPECT_EQ(NtpTime::From(absl::UnixEpoch()).seconds(), 2208988800u);
  const NtpTime half = NtpTime::From(absl::FromUnixMillis(1'700'000'000'500));
  EXPECT_EQ(half.seconds(), 3908988800u);
  EXPECT_EQ(half.fraction(), 0x80000000u);
  EXPECT_EQ(half.middle(), (3908988800u << 16) | 0x8000u);
  EXPECT_EQ(NtpTime::From(absl::FromUnixMillis(-500)).seconds(), 2208988799u);
  EXPECT_EQ(NtpTime::From(absl::FromUnixMillis(-500)).fraction(), 0x80000000u);
}

TEST(MediaClockTest, ADayOf44100DoesNotDrift) {
  MediaClock clock(90000, RtpTimestamp(0xffff0000));
  // 24 h less what does not fill a frame.
  const uint64_t frames = 24ull * 3600 * 44100 / 1152;
  for (uint64_t i = 0; i < frames; ++i) clock.Advance(1152, 44100);
  const uint64_t ticks = frames * 1152 * 90000 / 44100;
  EXPECT_EQ(clock.now().timestamp, RtpTimestamp(0xffff0000) + static_cast<int64_t>(ticks));
  EXPECT_EQ(clock.now().position.count(), static_cast<int64_t>(frames * 1152 * 10'000'000 / 441));
}

TEST(MediaClockTest, GoesOnThroughAChangeOfSampleRate) {
  MediaClock clock(90000, RtpTimestamp(0));
  for (int i = 0; i < 1000; ++i) {
    clock.Advance(441, 44100);  // 10 ms
    clock.Advance(480, 48000);
    clock.Advance(1, 44100);
    clock.Advance(44099, 44100);
  }
  EXPECT_NEAR(static_cast<double>(clock.now().timestamp.value()), 1020.0 * 90000, 2);
  EXPECT_NEAR(static_cast<double>(clock.now().position.count()), 1020e9, 4000);
}

TEST(MemberSketchTest, EstimatesDistinctMembersAndForgetsOldOnes) {
  MemberSketch sketch;
  EXPECT_EQ(sketch.Estimate(), 0u);
  for (uint32_t i = 0; i < 5000; ++i) {
    sketch.Add(Ssrc{i * 2654435761u});
    sketch.Add(Ssrc{i * 2654435761u});
  }
  EXPECT_NEAR(sketch.Estimate(), 5000, 300);
  sketch.Rotate();
  EXPECT_NEAR(sketch.Estimate(), 5000, 300) << "the last window still counts";
  sketch.Rotate();
  EXPECT_EQ(sketch.Estimate(), 0u);
}

TEST(MemberSketchTest, SaturatesInsteadOfOverflowing) {
  MemberSketch sketch;
  uint64_t state = 1;
  for (int i = 0; i < 1'000'000; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    sketch.Add(Ssrc{static_cast<uint32_t>(state >> 32)});
  }
  EXPECT_GT(sketch.Estimate(), 30000u);
  EXPECT_LT(sketch.Estimate(), 40000u);
}

}  // namespace
}  // namespace headwater
