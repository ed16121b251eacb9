#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"
#include "services/common/sdp/sdp.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

Sdp Mp3() {
  Sdp sdp;
  sdp.origin_id = 3'970'000'000;
  sdp.origin_version = 3'970'000'060;
  sdp.origin_address = Ip("2001:db8::1");
  sdp.name = "Radio Nine";
  sdp.info = "Artist - Title";
  sdp.url = "https://radio.example/now";
  sdp.began_ntp = 3'970'000'060;
  sdp.group = Ip("ff3e:40:2001:db8:d0be:f00d:8000:0");
  sdp.bandwidth_kbps = 148;
  sdp.format = {
      .encoding = "MPA", .payload_type = 14, .clock_rate = 90'000, .channels = 0, .fmtp = ""};
  sdp.source = Ip("2001:db8::1");
  return sdp;
}

TEST(SdpBuildTest, WritesLinesInTheOrderOfTheRfc) {
  EXPECT_EQ(*BuildSdp(Mp3()),
            "v=0\r\n"
            "o=- 3970000000 3970000060 IN IP6 2001:db8::1\r\n"
            "s=Radio Nine\r\n"
            "i=Artist - Title\r\n"
            "u=https://radio.example/now\r\n"
            "c=IN IP6 ff3e:40:2001:db8:d0be:f00d:8000:0\r\n"
            "b=AS:148\r\n"
            "t=3970000060 0\r\n"
            "a=tool:headwater\r\n"
            "a=recvonly\r\n"
            "a=source-filter: incl IN IP6 ff3e:40:2001:db8:d0be:f00d:8000:0 2001:db8::1\r\n"
            "m=audio 5004 RTP/AVP 14\r\n"
            "a=rtpmap:14 MPA/90000\r\n");
}

TEST(SdpBuildTest, WritesATtlForIpv4Only) {
  Sdp sdp = Mp3();
  sdp.group = Ip("239.192.0.1");
  sdp.origin_address = Ip("192.0.2.1");
  sdp.source = Ip("192.0.2.1");
  EXPECT_FALSE(BuildSdp(sdp).ok());
  sdp.ttl = 16;
  EXPECT_THAT(*BuildSdp(sdp), HasSubstr("\r\nc=IN IP4 239.192.0.1/16\r\n"));
  EXPECT_THAT(*BuildSdp(sdp),
              HasSubstr("\r\na=source-filter: incl IN IP4 239.192.0.1 192.0.2.1\r\n"));
}

TEST(SdpBuildTest, WritesFormats) {
  Sdp sdp = Mp3();
  sdp.format = {.encoding = "mpeg4-generic",
                .payload_type = 96,
                .clock_rate = 44'100,
                .channels = 2,
                .fmtp = "streamtype=5; mode=AAC-hbr; config=1210"};
  EXPECT_THAT(*BuildSdp(sdp),
              HasSubstr("m=audio 5004 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/44100/2\r\n"
                        "a=fmtp:96 streamtype=5; mode=AAC-hbr; config=1210\r\n"));
  sdp.format = {
      .encoding = "MP2T", .payload_type = 33, .clock_rate = 90'000, .channels = 0, .fmtp = ""};
  EXPECT_THAT(*BuildSdp(sdp), HasSubstr("m=video 5004 RTP/AVP 33\r\na=rtpmap:33 MP2T/90000\r\n"));
}

TEST(SdpBuildTest, SurvivesTextFromOutside) {
  Sdp sdp = Mp3();
  sdp.name = "\r\n";
  sdp.info = "x\r\na=source-filter: incl IN IP6 * ::1\xFF";
  sdp.url = "javascript:alert(1)";
  const std::string text = *BuildSdp(sdp);
  EXPECT_THAT(text, HasSubstr("\r\ns=ff3e:40:2001:db8:d0be:f00d:8000:0\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\ni=x a=source-filter: incl IN IP6 * ::1ÿ\r\nc="));
  EXPECT_THAT(text, Not(HasSubstr("u=")));
}

TEST(SdpBuildTest, LeavesOutWhatIsNotKnown) {
  Sdp sdp = Mp3();
  sdp.info = "";
  sdp.url = "";
  sdp.bandwidth_kbps = 0;
  sdp.began_ntp = 0;
  sdp.source.reset();
  const std::string text = *BuildSdp(sdp);
  EXPECT_THAT(text,
              HasSubstr("s=Radio Nine\r\nc=IN IP6 ff3e:40:2001:db8:d0be:f00d:8000:0\r\nt=0 0\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("source-filter")));
}

TEST(SdpBuildTest, NamesTheFieldThatIsWrong) {
  const auto error = [](auto&& change) {
    Sdp sdp = Mp3();
    change(sdp);
    const auto result = BuildSdp(sdp);
    return result.ok() ? std::string() : std::string(FromAbsl(result.status().message()));
  };
  EXPECT_THAT(error([](Sdp& s) { s.group = Ip("2001:db8::2"); }), HasSubstr("group: 2001:db8::2"));
  EXPECT_THAT(error([](Sdp& s) { s.origin_address = Ip("192.0.2.1"); }),
              HasSubstr("origin_address"));
  EXPECT_THAT(error([](Sdp& s) { s.source = Ip("192.0.2.1"); }), HasSubstr("source"));
  EXPECT_THAT(error([](Sdp& s) { s.port = 5005; }), HasSubstr("port"));
  EXPECT_THAT(error([](Sdp& s) { s.format.encoding = "MPA/1\r\n"; }), HasSubstr("format.encoding"));
  EXPECT_THAT(error([](Sdp& s) { s.format.clock_rate = 0; }), HasSubstr("format.clock_rate"));
  EXPECT_THAT(error([](Sdp& s) { s.format.payload_type = 128; }), HasSubstr("format.payload_type"));
  EXPECT_THAT(error([](Sdp& s) { s.format.fmtp = "a=1\r\nm=x"; }), HasSubstr("format.fmtp"));
}

TEST(SdpBuildTest, GivesBandwidthWithHeaders) {
  EXPECT_EQ(SdpBandwidthKbps(0), 0u);
  EXPECT_EQ(SdpBandwidthKbps(128'000), 148u);
  EXPECT_EQ(SdpBandwidthKbps(4'000'001), 4201u);
  EXPECT_EQ(SdpBandwidthKbps(0xFFFFFFFF), 4'509'716u);
}

}  // namespace
}  // namespace headwater
