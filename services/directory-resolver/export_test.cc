#include "services/directory-resolver/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/plan/plan_text.h"

namespace headwater::directory_resolver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

NumberPlan Plan() {
  PlanConfig config;
  config.ipv6_prefixes = {*ParseAddressBlock("2001:db8:d0be:f00d::/64")};
  config.directories = {{.name = "radio"}};
  config.prefixes = {{0x80000000, 1, "radio"}};
  config.windows = {{*ParseAddressBlock("239.192.0.0/16"), 0x80000000},
                    {*ParseAddressBlock("232.1.0.0/16"), 0x80010000}};
  return *NumberPlan::Build(config);
}

const KnownFormat kMp3 = {
    {.encoding = "MPA", .payload_type = 14, .clock_rate = 90000, .channels = 0, .fmtp = ""},
    128000,
    "MP3"};
const KnownFormat kAac = {{.encoding = "mpeg4-generic",
                           .payload_type = 96,
                           .clock_rate = 44100,
                           .channels = 2,
                           .fmtp = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;"
                                   "indexlength=3;indexdeltalength=3;config=1210"},
                          64000,
                          "AAC"};

Station Jazz() {
  Station station;
  station.number = 0x80000001;
  station.title = "Radio Jazz";
  station.directory = "radio";
  station.tags = {"jazz", "24 h"};
  station.homepage = "https://radio.example/?a=1&b=2";
  station.logo_url = "https://radio.example/l.png";
  return station;
}

// Everything that could break a line, a quote, an attribute or an element.
Station Hostile() {
  Station station = Jazz();
  station.number = 0x80000002;
  station.title =
      "A\"b\" <c> & 'd', e\r\n#EXTINF:-1,fake\nhttp://evil/ \x1b[31m\xff \xef\xbf\xbe]]>";
  station.tags = {"x\" tvg-id=\"y", "</album>"};
  station.homepage = "";
  station.logo_url = "";
  return station;
}

ExportChoice For(Player player, IpAddress::Family family = IpAddress::Family::kIpv6,
                 const char* source = nullptr) {
  return {player, family, source == nullptr ? std::nullopt : IpAddress::Parse(source)};
}

TEST(ExportTest, WritesM3uForEachPlayer) {
  const Station jazz = Jazz();
  const std::string info =
      "#EXTM3U\n#EXTINF:-1 tvg-id=\"0x80000001\" tvg-name=\"Radio Jazz\" "
      "tvg-logo=\"https://radio.example/l.png\" group-title=\"jazz;24 h\",Radio Jazz\n";
  const std::vector<ExportedStation> stations = {{&jazz, &kMp3}};
  EXPECT_EQ(WriteM3u(stations, Plan(), For(Player::kVlc)),
            info + "rtp://@[ff3e:40:2001:db8:d0be:f00d:8000:1]:5004\n");
  EXPECT_EQ(WriteM3u(stations, Plan(), For(Player::kFfmpeg)),
            info + "sap://[ff3e:40:2001:db8:d0be:f00d:8000:1]:9875\n");
  EXPECT_EQ(WriteM3u(stations, Plan(), For(Player::kKodi)),
            info + "rtp://[ff3e:40:2001:db8:d0be:f00d:8000:1]:5004\n");
  EXPECT_EQ(WriteM3u(stations, Plan(), For(Player::kVlc, IpAddress::Family::kIpv4)),
            info + "rtp://@239.192.0.1:5004\n");
  EXPECT_EQ(WriteM3u(stations, Plan(), For(Player::kFfmpeg, IpAddress::Family::kIpv4)),
            info + "sap://239.192.0.1:9875\n");
}

TEST(ExportTest, SaysWhyAStationHasNoUrl) {
  Station jazz = Jazz();
  EXPECT_EQ(WriteM3u({{&jazz, &kAac}}, Plan(), For(Player::kVlc)),
            "#EXTM3U\n# 0x80000001 Radio Jazz: mpeg4-generic cannot be named by an rtp:// URL: "
            "export the station's SDP\n");
  EXPECT_THAT(WriteM3u({{&jazz, &kAac}}, Plan(), For(Player::kFfmpeg)), HasSubstr("\nsap://["));
  jazz.number = 0xf0000000;
  EXPECT_THAT(WriteM3u({{&jazz, nullptr}}, Plan(), For(Player::kVlc, IpAddress::Family::kIpv4)),
              HasSubstr("the number plan has no IPv4 group for it"));
}

TEST(ExportTest, NamesTheSourceOfSsmGroups) {
  Station jazz = Jazz();
  jazz.number = 0x80010001;
  const ExportedStation station = {&jazz, &kMp3};
  const auto v4 = IpAddress::Family::kIpv4;
  EXPECT_EQ(UrlOf(station, Plan(), For(Player::kVlc, v4, "192.0.2.1")).url,
            "rtp://192.0.2.1@232.1.0.1:5004");
  EXPECT_EQ(UrlOf(station, Plan(), For(Player::kFfmpeg, v4, "192.0.2.1")).url,
            "rtp://232.1.0.1:5004?sources=192.0.2.1");
  EXPECT_THAT(UrlOf(station, Plan(), For(Player::kVlc, v4)).reason, HasSubstr("source-specific"));
  EXPECT_THAT(UrlOf(station, Plan(), For(Player::kVlc, v4, "2001:db8::1")).reason,
              HasSubstr("source-specific"));
}

TEST(ExportTest, AHostileTitleStaysOnItsLine) {
  const Station hostile = Hostile();
  const std::string text = WriteM3u({{&hostile, &kMp3}}, Plan(), For(Player::kVlc));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_THAT(text, Not(HasSubstr("\nhttp://evil")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("group-title=\"x' tvg-id='y;</album>\","));
  const std::string as_comment = WriteM3u({{&hostile, &kAac}}, Plan(), For(Player::kVlc));
  EXPECT_EQ(std::count(as_comment.begin(), as_comment.end(), '\n'), 2) << as_comment;
}

TEST(ExportTest, WritesXspf) {
  const Station jazz = Jazz();
  EXPECT_EQ(WriteXspf({{&jazz, &kMp3}}, Plan(), For(Player::kVlc)),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\">\n"
            "  <title>Headwater</title>\n"
            "  <trackList>\n"
            "    <track>\n"
            "      <location>rtp://@[ff3e:40:2001:db8:d0be:f00d:8000:1]:5004</location>\n"
            "      <identifier>urn:x-headwater:0x80000001</identifier>\n"
            "      <title>Radio Jazz</title>\n"
            "      <info>https://radio.example/?a=1&amp;b=2</info>\n"
            "      <image>https://radio.example/l.png</image>\n"
            "      <album>jazz;24 h</album>\n"
            "    </track>\n"
            "  </trackList>\n"
            "</playlist>\n");
}

TEST(ExportTest, EscapesHostileTitlesInXspf) {
  const Station hostile = Hostile();
  const std::string text = WriteXspf({{&hostile, &kAac}}, Plan(), For(Player::kVlc));
  EXPECT_THAT(
      text,
      HasSubstr(
          "<title>A&quot;b&quot; &lt;c&gt; &amp; &apos;d&apos;, e #EXTINF:-1,fake http://evil/"));
  EXPECT_THAT(text, HasSubstr("&lt;/album&gt;</album>"));
  EXPECT_THAT(text, HasSubstr("<annotation>mpeg4-generic cannot be named"));
  EXPECT_THAT(text, Not(HasSubstr("<location>")));
  EXPECT_EQ(EscapeXml("a\xef\xbf\xbe\xef\xbf\xbf\x01z\xef\xbf\xbd"), "az\xef\xbf\xbd");
}

TEST(ExportTest, WritesSdpWithSourceFilter) {
  const Station jazz = Jazz();
  const auto sdp = WriteSdp({&jazz, &kAac}, Plan(),
                            For(Player::kVlc, IpAddress::Family::kIpv6, "2001:db8::1"), 4000000000);
  ASSERT_TRUE(sdp.ok()) << sdp.status();
  const auto parsed = ParseSdp(*sdp);
  ASSERT_TRUE(parsed.ok()) << *sdp;
  EXPECT_EQ(parsed->group, IpAddress::Parse("ff3e:40:2001:db8:d0be:f00d:8000:1"));
  EXPECT_EQ(parsed->source, IpAddress::Parse("2001:db8::1"));
  EXPECT_EQ(parsed->format, kAac.format);
  EXPECT_EQ(parsed->name, "Radio Jazz");
  EXPECT_EQ(parsed->origin_id, 4000000000u);
  EXPECT_THAT(
      *sdp,
      HasSubstr("a=source-filter: incl IN IP6 ff3e:40:2001:db8:d0be:f00d:8000:1 2001:db8::1\r\n"));
  const auto v4 =
      WriteSdp({&jazz, &kMp3}, Plan(), For(Player::kVlc, IpAddress::Family::kIpv4, "192.0.2.1"), 1);
  ASSERT_TRUE(v4.ok());
  EXPECT_THAT(*v4, HasSubstr("c=IN IP4 239.192.0.1/32\r\n"));
}

TEST(ExportTest, RefusesAnSdpThatWouldNotBeTrue) {
  const Station jazz = Jazz();
  const auto unknown = WriteSdp({&jazz, nullptr}, Plan(),
                                For(Player::kVlc, IpAddress::Family::kIpv6, "2001:db8::1"), 1);
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(unknown.status().message()),
              HasSubstr("station 0x80000001 \"Radio Jazz\" is not known yet"));
  EXPECT_EQ(WriteSdp({&jazz, &kMp3}, Plan(), For(Player::kVlc), 1).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      WriteSdp({&jazz, &kMp3}, Plan(), For(Player::kVlc, IpAddress::Family::kIpv6, "192.0.2.1"), 1)
          .status()
          .code(),
      absl::StatusCode::kInvalidArgument);
  Station far = Jazz();
  far.number = 0xf0000000;
  EXPECT_EQ(
      WriteSdp({&far, &kMp3}, Plan(), For(Player::kVlc, IpAddress::Family::kIpv4, "192.0.2.1"), 1)
          .status()
          .code(),
      absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace headwater::directory_resolver
