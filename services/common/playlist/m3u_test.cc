#include "services/common/playlist/m3u.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace headwater {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

auto Location(const std::string& location) { return Field(&PlaylistEntry::location, location); }

TEST(M3uTest, ReadsAnIptvPlaylist) {
  const auto playlist = ParseM3u(
      "#EXTM3U url-tvg=\"http://x/epg\"\r\n"
      "#EXTINF:-1 tvg-id=\"jazz.1\" tvg-name=\"Jazz\" tvg-logo=\"http://x/l.png\" "
      "group-title=\"Jazz, Blues\",Radio Jazz, the best\r\n"
      "http://radio.example/jazz.mp3\r\n"
      "\r\n"
      "#EXTINF:123,Second\r\n"
      "#EXTGRP:News\r\n"
      "#EXTVLCOPT:http-user-agent=x\r\n"
      "sub/second.mp3\r\n");
  ASSERT_TRUE(playlist.ok());
  EXPECT_THAT(playlist->entries,
              ElementsAre(PlaylistEntry{.location = "http://radio.example/jazz.mp3",
                                        .title = "Radio Jazz, the best",
                                        .tvg_id = "jazz.1",
                                        .tvg_name = "Jazz",
                                        .tvg_logo = "http://x/l.png",
                                        .group_title = "Jazz, Blues",
                                        .line = 3},
                          PlaylistEntry{.location = "sub/second.mp3",
                                        .title = "Second",
                                        .tvg_id = "",
                                        .tvg_name = "",
                                        .tvg_logo = "",
                                        .group_title = "News",
                                        .line = 8}));
}

TEST(M3uTest, ReadsABareListWithAnyLineEnd) {
  EXPECT_THAT(ParseM3u("http://a/\nhttp://b/\rhttp://c/\r\nhttp://d/")->entries,
              ElementsAre(Location("http://a/"), Location("http://b/"), Location("http://c/"),
                          Location("http://d/")));
  EXPECT_EQ(ParseM3u("\n\r\n\rhttp://a/")->entries.at(0).line, 4u);
}

TEST(M3uTest, SkipsTheByteOrderMarkAndWhiteSpace) {
  EXPECT_THAT(ParseM3u("\xef\xbb\xbfhttp://a/ \n \t http://b/\t\n   \n")->entries,
              ElementsAre(Location("http://a/"), Location("http://b/")));
}

TEST(M3uTest, SurvivesBrokenInfoLines) {
  for (const char* info :
       {"#EXTINF", "#EXTINF:", "#EXTINF:,", "#EXTINF:-1", "#EXTINF:-1 a=", "#EXTINF:-1 a=\"",
        "#EXTINF:-1 =x,", "#EXTINF:-1 tvg-id=\"x", "#EXTINF:-1 a b=c\td"}) {
    EXPECT_THAT(ParseM3u(std::string(info) + "\nhttp://a/\n")->entries,
                ElementsAre(Location("http://a/")))
        << info;
  }
  EXPECT_EQ(ParseM3u("#EXTINF:-1 tvg-id=plain group-title=\"q\" ,T\nhttp://a/")->entries[0].tvg_id,
            "plain");
}

TEST(M3uTest, AnInfoLineHoldsForOneEntry) {
  const auto playlist = ParseM3u("#EXTINF:1,One\n#EXTINF:2,Two\nhttp://a/\nhttp://b/\n");
  EXPECT_EQ(playlist->entries[0].title, "Two");
  EXPECT_EQ(playlist->entries[1].title, "");
}

TEST(M3uTest, RefusesHls) {
  EXPECT_EQ(ParseM3u("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nseg1.ts\n").error(),
            PlaylistError::kHls);
  EXPECT_EQ(ParseM3u("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n").error(),
            PlaylistError::kHls);
}

TEST(M3uTest, RefusesWhatIsNotText) {
  EXPECT_EQ(ParseM3u(std::string_view("http://a/\0", 10)).error(), PlaylistError::kBinary);
}

TEST(M3uTest, HoldsItsLimits) {
  EXPECT_EQ(ParseM3u("http://a/\n", {.bytes_max = 9}).error(), PlaylistError::kTooLong);
  const auto cut = ParseM3u("a\nb\nc\n", {.entries_max = 2});
  EXPECT_THAT(cut->entries, ElementsAre(Location("a"), Location("b")));
  EXPECT_TRUE(cut->truncated);
  EXPECT_FALSE(ParseM3u("a\nb\n", {.entries_max = 2})->truncated);
  const auto skipped =
      ParseM3u("#EXTINF:1,Lost\n" + std::string(kPlaylistLineMax + 1, 'x') + "\nhttp://b/\n");
  EXPECT_THAT(skipped->entries, ElementsAre(Location("http://b/")));
  EXPECT_EQ(skipped->entries[0].title, "");
  EXPECT_EQ(skipped->skipped_lines, 1u);
  EXPECT_EQ(skipped->first_skipped_line, 2u);
}

TEST(M3uTest, SurvivesTruncationAtEveryLength) {
  const std::string text =
      "\xef\xbb\xbf#EXTM3U\r\n#EXTINF:-1 tvg-id=\"a\" group-title=\"b,c\",T\r\nhttp://x/\r\n";
  for (size_t length = 0; length <= text.size(); ++length) {
    const auto playlist = ParseM3u(std::string_view(text).substr(0, length));
    ASSERT_TRUE(playlist.ok());
    EXPECT_LE(playlist->entries.size(), 1u);
  }
  EXPECT_THAT(ParseM3u("")->entries, IsEmpty());
}

TEST(M3uTest, EndsARealAudioMetafileWhereItSays) {
  const auto playlist = ParseM3u("# comment\nhttp://a/x.mp3?title=\"T\"\n--stop--\npnm://b/x.ra\n");
  ASSERT_EQ(playlist->entries.size(), 1u);
  EXPECT_EQ(playlist->entries[0].location, "http://a/x.mp3?title=\"T\"");
}

}  // namespace
}  // namespace headwater
