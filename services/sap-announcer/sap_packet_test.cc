#include "services/sap-announcer/sap_packet.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

std::vector<uint8_t> Join(std::initializer_list<std::string_view> parts) {
  std::vector<uint8_t> out;
  for (std::string_view part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

using std::string_view_literals::operator""sv;

// Captured from `ffmpeg -f sap` 5.1 (SAPv1, IPv4 source 192.0.2.1, hash 0x5f1d, not encrypted, not
// compressed, no authentication, payload type application/sdp), SDP shortened.
const std::vector<uint8_t> kCapture =
    Join({"\x20\x00\x5f\x1d\xc0\x00\x02\x01"sv, "application/sdp\0"sv,
          "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=No Name\r\n"sv});

TEST(SapPacketTest, ReadsACapture) {
  const auto packet = SapPacket::Parse(kCapture);
  ASSERT_TRUE(packet.ok()) << ToString(packet.error());
  EXPECT_FALSE(packet->deletion);
  EXPECT_EQ(packet->hash, 0x5f1d);
  EXPECT_EQ(packet->source, Ip("192.0.2.1"));
  EXPECT_EQ(packet->payload_type, "application/sdp");
  EXPECT_EQ(packet->payload, "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=No Name\r\n");
}

TEST(SapPacketTest, RoundTrips) {
  for (const char* source : {"192.0.2.1", "2001:db8::1"}) {
    for (bool deletion : {false, true}) {
      const SapPacket packet = {
          .deletion = deletion, .hash = 0xABCD, .source = Ip(source), .payload = "o=- 1 2\r\n"};
      std::vector<uint8_t> bytes;
      packet.SerializeTo(bytes);
      EXPECT_EQ(*SapPacket::Parse(bytes), packet) << packet.ToString();
    }
  }
  std::vector<uint8_t> bytes;
  SapPacket::Parse(kCapture)->SerializeTo(bytes);
  EXPECT_EQ(bytes, kCapture);
}

TEST(SapPacketTest, WritesTheHeaderOfTheRfc) {
  const SapPacket packet = {
      .deletion = true, .hash = 0x0102, .source = Ip("2001:db8::1"), .payload = "o=x"};
  std::vector<uint8_t> bytes;
  packet.SerializeTo(bytes);
  EXPECT_EQ(bytes, Join({"\x34\x00\x01\x02\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"sv,
                         "application/sdp\0o=x"sv}));
}

TEST(SapPacketTest, SurvivesTruncationAtEveryLength) {
  const size_t header = 8 + kSdpMimeType.size();
  for (size_t length = 0; length < kCapture.size(); ++length) {
    const auto packet = SapPacket::Parse(Bytes(kCapture).first(length));
    EXPECT_EQ(packet.ok(), length > header) << length;
  }
}

TEST(SapPacketTest, SkipsAuthenticationData) {
  const auto bytes = Join({"\x20\x02\x5f\x1d\xc0\x00\x02\x01"sv, "12345678"sv, "v=0\r\ns=x\r\n"sv});
  EXPECT_EQ(SapPacket::Parse(bytes)->payload, "v=0\r\ns=x\r\n");
  // More than there is.
  EXPECT_EQ(SapPacket::Parse(Join({"\x20\xff\x5f\x1d\xc0\x00\x02\x01"sv, "v=0\r\n"sv})).error(),
            SapError::kShort);
}

TEST(SapPacketTest, TellsWhatIsWrong) {
  const auto error = [](size_t at, uint8_t value) {
    std::vector<uint8_t> bytes = kCapture;
    bytes[at] = value;
    return SapPacket::Parse(bytes).error();
  };
  EXPECT_EQ(error(0, 0x00), SapError::kVersion);
  EXPECT_EQ(error(0, 0x40), SapError::kVersion);
  EXPECT_EQ(error(0, 0x22), SapError::kEncrypted);
  EXPECT_EQ(error(0, 0x21), SapError::kCompressed);
  EXPECT_EQ(error(4, 0xEF), SapError::kBadSource);
  EXPECT_EQ(error(8, 0x07), SapError::kPayloadType);
  EXPECT_EQ(SapPacket::Parse(Join({"\x20\0\0\0\xc0\x00\x02\x01"sv, "v=0\r\n"sv})).error(),
            SapError::kZeroHash);
  EXPECT_EQ(SapPacket::Parse(Join({"\x20\0\0\1\0\0\0\0"sv, "v=0\r\n"sv})).error(),
            SapError::kBadSource);
  EXPECT_EQ(SapPacket::Parse(Join({"\x20\0\0\1\xc0\0\2\1"sv, "o=- 1"sv})).error(),
            SapError::kPayloadType);
  EXPECT_TRUE(SapPacket::Parse(Join({"\x24\0\0\1\xc0\0\2\1"sv, "o=- 1"sv})).ok());
}

}  // namespace
}  // namespace headwater
