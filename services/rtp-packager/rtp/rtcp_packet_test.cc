#include "services/rtp-packager/rtp/rtcp_packet.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace headwater {
namespace {

// What GStreamer's rtpbin sends when it leaves: RR with one block, SDES with CNAME and tool, BYE
// with reason.
// clang-format off
const std::vector<uint8_t> kCapture = {
    0x81, 0xc9, 0x00, 0x07, 0x11, 0x22, 0x33, 0x44,   // RR from 11223344
    0x0d, 0xf0, 0x0d, 0x01, 0x40, 0xff, 0xff, 0xfe,   // about 0df00d01: 64/256 lost, -2 in all
    0x00, 0x01, 0x1c, 0xc0, 0x00, 0x00, 0x01, 0x2c,   // cycle 1, sequence 0x1cc0, jitter 300
    0xaa, 0xbb, 0xcc, 0xdd, 0x00, 0x01, 0x80, 0x00,   // LSR, DLSR 1.5 s
    0x81, 0xca, 0x00, 0x05, 0x11, 0x22, 0x33, 0x44,   // SDES
    0x01, 0x05, 'u', '@', 'h', 'o', 's',              // CNAME "u@hos"
    0x06, 0x03, 'G', 'S', 't', 0x00, 0x00, 0x00, 0x00,
    0x81, 0xcb, 0x00, 0x03, 0x11, 0x22, 0x33, 0x44,   // BYE
    0x05, 'a', 'd', 'i', 'e', 'u', 0x00, 0x00};
// clang-format on

TEST(RtcpPacketTest, FromCapture) {
  const auto packets = ParseRtcp(kCapture);
  ASSERT_TRUE(packets.ok()) << ToString(packets.error());
  ASSERT_EQ(packets->size(), 3u);
  const ReceiverReport rr{Ssrc{0x11223344},
                          {ReportBlock{.ssrc = Ssrc{0x0df00d01},
                                       .fraction_lost = 64,
                                       .cumulative_lost = -2,
                                       .highest_sequence = 0x11cc0,
                                       .jitter = 300,
                                       .last_sr = 0xaabbccdd,
                                       .delay_since_last_sr = 0x18000}}};
  EXPECT_EQ(packets.value()[0], RtcpPacket(rr)) << ToString(packets.value()[0]);
  EXPECT_EQ(packets.value()[1], RtcpPacket(SourceDescription{{{Ssrc{0x11223344}, "u@hos"}}}));
  EXPECT_EQ(packets.value()[2], RtcpPacket(Bye{{Ssrc{0x11223344}}, "adieu"}));
}

std::vector<RtcpPacket> Samples() {
  SenderReport sr{.ssrc = Ssrc{1},
                  .ntp = NtpTime(0x0123456789abcdef),
                  .timestamp = RtpTimestamp(0xffffffff),
                  .packets = 7,
                  .octets = 0xfffffff0,
                  .blocks = {ReportBlock{.ssrc = Ssrc{9}, .cumulative_lost = 0x7fffff}}};
  SourceDescription sdes;
  // One chunk for each remainder of the padding, and one without CNAME.
  for (const char* name : {"a", "ab", "abc", "abcd", "", "abcde"}) {
    sdes.chunks.push_back({Ssrc{3}, name});
  }
  sdes.chunks.push_back({Ssrc{4}, std::string(255, 'x')});
  return {sr,
          ReceiverReport{Ssrc{2}, std::vector<ReportBlock>(31)},
          sdes,
          Bye{{Ssrc{1}, Ssrc{2}}, {}},
          Bye{{}, "no one"},
          Bye{{Ssrc{5}}, std::string(255, 'y')}};
}

TEST(RtcpPacketTest, RoundTrips) {
  std::vector<uint8_t> bytes;
  for (const RtcpPacket& packet : Samples()) SerializeTo(packet, bytes);
  const auto packets = ParseRtcp(bytes);
  ASSERT_TRUE(packets.ok()) << ToString(packets.error());
  EXPECT_EQ(*packets, Samples());
}

TEST(RtcpPacketTest, EveryTruncationIsAnErrorOrAShorterCompound) {
  std::vector<size_t> borders;
  std::vector<uint8_t> bytes;
  for (const RtcpPacket& packet : Samples()) {
    SerializeTo(packet, bytes);
    borders.push_back(bytes.size());
  }
  size_t whole = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    const auto cut = ParseRtcp(Bytes(bytes).first(length));
    if (length == borders[whole]) {
      ++whole;
      ASSERT_TRUE(cut.ok()) << length;
      EXPECT_EQ(cut->size(), whole);
    } else {
      ASSERT_FALSE(cut.ok()) << length;
      EXPECT_EQ(cut.error(), RtcpError::kTruncated) << length;
    }
  }
}

TEST(RtcpPacketTest, ALengthFieldTooShortForItsCountIsAnError) {
  std::vector<uint8_t> bytes = kCapture;
  bytes[0] = 0x82;  // two blocks, room for one
  EXPECT_EQ(ParseRtcp(bytes).error(), RtcpError::kTruncated);
}

TEST(RtcpPacketTest, SkipsAppUnknownTypesAndProfileExtensions) {
  std::vector<uint8_t> bytes;
  SerializeTo(ReceiverReport{Ssrc{1}, {}}, bytes);
  bytes.insert(bytes.end(), {0x01, 0x02, 0x03, 0x04});  // profile-specific
  bytes[3] = 2;
  const std::vector<uint8_t> others = {0x80, 204, 0,    2,   0, 0, 0, 1, 'a', 'b',
                                       'c',  'd', 0x8f, 206, 0, 1, 0, 0, 0,   1,  // feedback
                                       0x80, 0,   0,    0};
  bytes.insert(bytes.end(), others.begin(), others.end());
  SerializeTo(Bye{{Ssrc{1}}, {}}, bytes);
  const auto packets = ParseRtcp(bytes);
  ASSERT_TRUE(packets.ok());
  EXPECT_EQ(*packets, (std::vector<RtcpPacket>{ReceiverReport{Ssrc{1}, {}}, Bye{{Ssrc{1}}, {}}}));
}

TEST(RtcpPacketTest, ChecksVersionFirstPacketAndPadding) {
  std::vector<uint8_t> sdes;
  SerializeTo(SourceDescription{{{Ssrc{1}, "x"}}}, sdes);
  EXPECT_EQ(ParseRtcp(sdes).error(), RtcpError::kFirstPacket);

  std::vector<uint8_t> bytes;
  SerializeTo(ReceiverReport{Ssrc{1}, {}}, bytes);
  bytes[0] = 0x40;
  EXPECT_EQ(ParseRtcp(bytes).error(), RtcpError::kVersion);

  bytes = {0xa0, 0xc9, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4};
  EXPECT_TRUE(ParseRtcp(bytes).ok());
  for (const uint8_t wrong : std::vector<uint8_t>{0, 3, 12, 252}) {
    bytes.back() = wrong;
    EXPECT_EQ(ParseRtcp(bytes).error(), RtcpError::kPadding) << int{wrong};
  }
  bytes.back() = 4;
  SerializeTo(Bye{{Ssrc{1}}, {}}, bytes);
  EXPECT_EQ(ParseRtcp(bytes).error(), RtcpError::kPadding) << "padding only in the last packet";
}

TEST(RtcpPacketTest, ACompoundOfTooManyPacketsIsAnError) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < kRtcpPacketsMax; ++i) SerializeTo(ReceiverReport{Ssrc{1}, {}}, bytes);
  EXPECT_TRUE(ParseRtcp(bytes).ok());
  SerializeTo(ReceiverReport{Ssrc{1}, {}}, bytes);
  EXPECT_EQ(ParseRtcp(bytes).error(), RtcpError::kTooMany);
}

}  // namespace
}  // namespace headwater
