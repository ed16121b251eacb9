#include "services/directory-resolver/lineup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::directory_resolver {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const absl::StatusOr<std::vector<LineupStation>>& result) {
  return std::string(result.status().message());
}

TEST(LineupTest, ReadsATomlLineup) {
  const auto stations = ParseLineup(R"(
[[station]]
number = 0x80000001
title = "Radio Jazz"
url = "http://radio.example/jazz.mp3"
tags = ["jazz", "24 h"]
homepage = "https://radio.example/"
logo = "https://radio.example/logo.png"

[[station]]
id = "news"
title = "News"
urls = ["https://radio.example/news", "icy://radio.example:8000/news"]

[[station]]
number = "0x80000007"
id = "seven"
title = "Seven"
url = "http://radio.example/7"

[[station]]
title = "Plain"
url = "http://radio.example/plain"
)",
                                    "radio.toml");
  ASSERT_TRUE(stations.ok()) << stations.status();
  ASSERT_EQ(stations->size(), 4u);
  EXPECT_EQ((*stations)[0], (LineupStation{.identity = "number:0x80000001",
                                           .number = 0x80000001,
                                           .title = "Radio Jazz",
                                           .urls = {"http://radio.example/jazz.mp3"},
                                           .tags = {"jazz", "24 h"},
                                           .homepage = "https://radio.example/",
                                           .logo_url = "https://radio.example/logo.png",
                                           .place = (*stations)[0].place}));
  EXPECT_THAT((*stations)[0].place, HasSubstr("radio.toml:2"));
  EXPECT_EQ((*stations)[1].identity, "id:news");
  EXPECT_EQ((*stations)[1].urls.size(), 2u);
  EXPECT_EQ((*stations)[2].identity, "id:seven");
  EXPECT_EQ((*stations)[2].number, 0x80000007u);
  EXPECT_EQ((*stations)[3].identity, "title:Plain http://radio.example/plain");
}

TEST(LineupTest, TellsEveryFaultOfATomlLineupWithItsLine) {
  const std::string error = ErrorOf(ParseLineup(R"([[station]]
title = "A"
url = "ftp://radio.example/"

[[station]]
titel = "B"
url = "http://b/"

[[station]]
title = "C"
number = 0x10000000
url = "http://c/"

[[station]]
title = "D"
)",
                                                "radio.toml"));
  EXPECT_THAT(error,
              AllOf(HasSubstr("radio.toml:3:"), HasSubstr("must be an http, https or icy URL"),
                    HasSubstr("radio.toml:6:"), HasSubstr("titel: is no key"),
                    HasSubstr("allowed: homepage, id, logo"), HasSubstr("radio.toml:11:"),
                    HasSubstr("2147483648 to 4294967295"), HasSubstr("1 to 16 URLs")));
}

TEST(LineupTest, RefusesTwoStationsThatAreOne) {
  EXPECT_THAT(ErrorOf(ParseLineup("[[station]]\nid=\"x\"\ntitle=\"A\"\nurl=\"http://a/"
                                  "\"\n[[station]]\nid=\"x\"\ntitle=\"B\"\nurl=\"http://b/\"\n",
                                  "r.toml")),
              AllOf(HasSubstr("r.toml:7"), HasSubstr("the same station (id:x) is at r.toml:1")));
}

TEST(LineupTest, RefusesUrlAndUrlsTogether) {
  EXPECT_THAT(ErrorOf(ParseLineup(
                  "[[station]]\ntitle=\"A\"\nurl=\"http://a/\"\nurls=[\"http://b/\"]\n", "r.toml")),
              HasSubstr("either url or urls"));
}

TEST(LineupTest, RefusesATomlSyntaxErrorWithItsLine) {
  EXPECT_THAT(ErrorOf(ParseLineup("[[station]]\ntitle = \n", "r.toml")), HasSubstr("r.toml:2"));
}

TEST(LineupTest, ReadsAnM3uLineup) {
  const auto stations = ParseLineup(
      "#EXTM3U\n"
      "#EXTINF:-1 tvg-id=\"jazz\" tvg-logo=\"https://x/l.png\" group-title=\"Jazz;Blues\",Radio "
      "Jazz\n"
      "http://radio.example/jazz.mp3\n"
      "#EXTINF:-1 tvg-id=\"jazz\",Radio Jazz (low)\n"
      "http://radio.example/jazz-low.mp3\n"
      "http://radio.example/bare\n"
      "http://radio.example/bare\n",
      "list.m3u8");
  ASSERT_TRUE(stations.ok()) << stations.status();
  EXPECT_THAT(*stations, ElementsAre(LineupStation{.identity = "tvg-id:jazz",
                                                   .number = {},
                                                   .title = "Radio Jazz",
                                                   .urls = {"http://radio.example/jazz.mp3",
                                                            "http://radio.example/jazz-low.mp3"},
                                                   .tags = {"Jazz", "Blues"},
                                                   .homepage = "",
                                                   .logo_url = "https://x/l.png",
                                                   .place = "list.m3u8:3"},
                                     LineupStation{.identity = "url:http://radio.example/bare",
                                                   .number = {},
                                                   .title = "http://radio.example/bare",
                                                   .urls = {"http://radio.example/bare"},
                                                   .tags = {},
                                                   .homepage = "",
                                                   .logo_url = "",
                                                   .place = "list.m3u8:6"}));
}

TEST(LineupTest, CleansTextFromOutside) {
  const auto stations = ParseLineup(
      "#EXTINF:-1 group-title=\"a\x1b[31m\" tvg-logo=\"javascript:x\",Caf\xe9 \x01\xe2\x80\xae "
      "X\nhttp://a/\n",
      "l.m3u");
  ASSERT_TRUE(stations.ok());
  EXPECT_EQ((*stations)[0].logo_url, "");
  for (const std::string& text : {(*stations)[0].title, (*stations)[0].tags.at(0)}) {
    for (const char c : text) EXPECT_GE(static_cast<unsigned char>(c), ' ');
  }
}

TEST(LineupTest, TellsFaultsOfAnM3uWithTheirLines) {
  EXPECT_THAT(ErrorOf(ParseLineup("http://a/\nmusic/b.mp3\nftp://c/\n", "l.m3u")),
              AllOf(HasSubstr("l.m3u:2: must be an http, https or icy URL"),
                    HasSubstr("it is \"music/b.mp3\""), HasSubstr("\nl.m3u:3: ")));
  EXPECT_THAT(ErrorOf(ParseLineup("#EXT-X-TARGETDURATION:1\n", "l.m3u")),
              HasSubstr("l.m3u: an HLS playlist"));
}

TEST(LineupTest, TellsAtMostTwentyFaults) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "x\n";
  EXPECT_THAT(ErrorOf(ParseLineup(text, "l.m3u")), HasSubstr("\nand 30 more"));
}

TEST(LineupTest, KnowsFilesByTheirSuffix) {
  EXPECT_THAT(ErrorOf(ParseLineup("", "l.pls")), HasSubstr("a .toml, .m3u or .m3u8 file"));
}

TEST(LineupTest, TakesOnlyUrlsThatAreSafeEverywhere) {
  EXPECT_TRUE(IsStationUrl("HTTP://[2001:db8::1]:8000/x?y=%20"));
  EXPECT_TRUE(IsStationUrl("icy://a"));
  for (const char* bad : {"", "http://", "http:///x", "file:///etc/passwd", "http://a/ b",
                          "http://a/\"", "http://a/\n", "http://ä/", "rtsp://a/", "//a/"}) {
    EXPECT_FALSE(IsStationUrl(bad)) << bad;
  }
  EXPECT_FALSE(IsStationUrl("http://a/" + std::string(kStationUrlBytesMax, 'x')));
}

}  // namespace
}  // namespace headwater::directory_resolver
