#include <gtest/gtest.h>

#include "services/common/sdp/sdp.h"

namespace headwater {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

// As ffmpeg 5.1 writes it for `-f rtp rtp://239.1.1.1:5004`.
constexpr std::string_view kFfmpeg =
    "v=0\n"
    "o=- 0 0 IN IP4 127.0.0.1\n"
    "s=No Name\n"
    "c=IN IP4 239.1.1.1/16\n"
    "t=0 0\n"
    "a=tool:libavformat 59.27.100\n"
    "m=audio 5004 RTP/AVP 97\n"
    "b=AS:128\n"
    "a=rtpmap:97 MPEG4-GENERIC/48000/2\n"
    "a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; "
    "config=119056E500\n";

TEST(SdpParseTest, ReadsFfmpegs) {
  const auto sdp = ParseSdp(kFfmpeg);
  ASSERT_TRUE(sdp.ok()) << ToString(sdp.error());
  EXPECT_EQ(sdp->group, Ip("239.1.1.1"));
  EXPECT_EQ(sdp->ttl, 16);
  EXPECT_EQ(sdp->port, 5004);
  EXPECT_EQ(sdp->name, "No Name");
  EXPECT_EQ(sdp->bandwidth_kbps, 128u);
  EXPECT_EQ(sdp->format.encoding, "MPEG4-GENERIC");
  EXPECT_EQ(sdp->format.clock_rate, 48'000u);
  EXPECT_EQ(sdp->format.channels, 2u);
  EXPECT_TRUE(sdp->format.fmtp.ends_with("config=119056E500"));
  EXPECT_FALSE(sdp->source);
}

TEST(SdpParseTest, RoundTrips) {
  Sdp sdp;
  sdp.origin_id = 18'446'744'073'709'551'615u;
  sdp.origin_version = 2;
  sdp.origin_address = Ip("2001:db8::1");
  sdp.name = "Radio = Nine é";
  sdp.info = "a - b";
  sdp.url = "http://a/";
  sdp.began_ntp = 7;
  sdp.group = Ip("ff3e::8000:1");
  sdp.port = 6000;
  sdp.bandwidth_kbps = 64;
  sdp.format = {.encoding = "opus",
                .payload_type = 97,
                .clock_rate = 48'000,
                .channels = 2,
                .fmtp = "sprop-stereo=1"};
  sdp.source = Ip("2001:db8::2");
  EXPECT_EQ(*ParseSdp(*BuildSdp(sdp)), sdp);
}

TEST(SdpParseTest, SurvivesTruncationAtEveryLength) {
  for (size_t length = 0; length < kFfmpeg.size(); ++length) {
    // Whole only once the m= line is there; never a crash.
    const bool ok = ParseSdp(kFfmpeg.substr(0, length)).ok();
    EXPECT_TRUE(length >= kFfmpeg.find("m=audio") || !ok) << length;
  }
}

TEST(SdpParseTest, KnowsStaticPayloadTypes) {
  const auto sdp = ParseSdp(
      "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=x\r\nc=IN IP4 239.1.1.1/1\r\nt=0 0\r\nm=audio 5004 "
      "RTP/AVP 14\r\n");
  ASSERT_TRUE(sdp.ok());
  EXPECT_EQ(sdp->format.encoding, "MPA");
  EXPECT_EQ(sdp->format.clock_rate, 90'000u);
}

TEST(SdpParseTest, TellsWhatIsWrong) {
  const auto error = [](std::string_view line) {
    return ParseSdp(
        "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=x\r\nc=IN IP6 ff3e::1\r\nt=0 0\r\nm=audio 5004 RTP/AVP "
        "14\r\n" +
        std::string(line) + "\r\n");
  };
  EXPECT_TRUE(error("a=anything").ok());
  EXPECT_EQ(error("c=IN IP6 ff3e::1/16").error(), SdpError::kBadConnection);
  EXPECT_EQ(error("c=IN IP4 ff3e::1").error(), SdpError::kBadConnection);
  EXPECT_EQ(error("a=rtpmap:14 MPA").error(), SdpError::kBadFormat);
  EXPECT_EQ(error("a=rtpmap:14 MPA/0").error(), SdpError::kBadFormat);
  EXPECT_EQ(error("a=source-filter: excl IN IP6 * ::1").error(), SdpError::kBadFilter);
  EXPECT_EQ(error("a=source-filter: incl IN IP6 * ::1 ::2").error(), SdpError::kBadFilter);
  EXPECT_EQ(error("o=- 1 1 IN IP6 ::1").error(), SdpError::kBadOrigin);
  EXPECT_EQ(error("t=x 0").error(), SdpError::kBadTime);
  EXPECT_EQ(error("nonsense").error(), SdpError::kBadLine);
  EXPECT_EQ(ParseSdp("").error(), SdpError::kNotSdp);
  EXPECT_EQ(ParseSdp(std::string_view("v=0\r\n\0", 6)).error(), SdpError::kBadLine);
  EXPECT_EQ(ParseSdp("v=0\n" + std::string(kSdpBytesMax, 'x')).error(), SdpError::kTooLong);
}

}  // namespace
}  // namespace headwater
