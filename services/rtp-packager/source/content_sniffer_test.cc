#include "services/rtp-packager/source/content_sniffer.h"

#include <gtest/gtest.h>

#include <string>

namespace headwater {
namespace {

using std::string_literals::operator""s;

ContentKind Whole(std::string_view type, std::string_view body, std::string_view path = "/x") {
  return SniffContent(type, path, AsBytes(body), true);
}

ContentKind Beginning(std::string_view type, std::string_view body) {
  return SniffContent(type, "/x", AsBytes(body), false);
}

TEST(ContentSnifferTest, KnowsMediaByItsFirstFourBytesWhateverTheType) {
  for (const std::string type : {"audio/mpeg", "text/html", "text/plain", ""}) {
    EXPECT_EQ(Beginning(type, "\xff\xfb\x90\x44"), ContentKind::kMedia) << type;  // MP3
    EXPECT_EQ(Beginning(type, "\xff\xf1\x50\x80"), ContentKind::kMedia) << type;  // ADTS
    EXPECT_EQ(Beginning(type, "OggS"), ContentKind::kMedia) << type;
    EXPECT_EQ(Beginning(type, "ID3\x04"), ContentKind::kMedia) << type;
  }
}

TEST(ContentSnifferTest, TakesTheMiddleOfAFrameForMedia) {
  EXPECT_EQ(Beginning("audio/mpeg", "\x01\x82\xf3\x44zz"), ContentKind::kMedia);
  EXPECT_EQ(Beginning("application/octet-stream", "a\0b\0"s), ContentKind::kMedia);
}

TEST(ContentSnifferTest, WaitsForMoreOfWhatMayBeText) {
  EXPECT_EQ(Beginning("audio/mpeg", "\xff"), ContentKind::kNeedMore);
  EXPECT_EQ(Beginning("audio/mpeg", "#EXTM3U\nhttp://a/"), ContentKind::kNeedMore);
  EXPECT_EQ(Beginning("audio/mpeg", std::string(kSniffBytesMax, 'a')), ContentKind::kOther);
}

TEST(ContentSnifferTest, KnowsListsWhateverTheType) {
  for (const std::string type : {"audio/mpeg", "text/html", "text/plain", "audio/x-mpegurl", ""}) {
    EXPECT_EQ(Whole(type, "#EXTM3U\r\nhttp://a/"), ContentKind::kPlaylist) << type;
    EXPECT_EQ(Whole(type, "\xef\xbb\xbf[Playlist]\nFile1=x"), ContentKind::kPlaylist) << type;
    EXPECT_EQ(Whole(type, "\r\nhttp://a/b"), ContentKind::kPlaylist) << type;
  }
  EXPECT_EQ(Whole("audio/x-mpegurl", "stream.mp3\n"), ContentKind::kPlaylist);
  EXPECT_EQ(Whole("text/plain", "stream.mp3\n", "/a.M3U?x"), ContentKind::kPlaylist);
  EXPECT_EQ(Whole("audio/x-mpegurl", ""), ContentKind::kPlaylist);
}

TEST(ContentSnifferTest, TellsHlsFromPlainLists) {
  EXPECT_EQ(Whole("audio/mpegurl", "#EXTM3U\n#EXT-X-TARGETDURATION:6\n"), ContentKind::kHls);
}

TEST(ContentSnifferTest, KnowsAPageAtOnceWhateverTheType) {
  for (const std::string type : {"audio/mpeg", "text/html", "audio/x-mpegurl"}) {
    EXPECT_EQ(Beginning(type, "\n<!DOCTYPE HTML>"), ContentKind::kHtml) << type;
    EXPECT_EQ(Beginning(type, "<?xml version='1.0'?><!-- x --><HTML>"), ContentKind::kHtml) << type;
  }
  EXPECT_EQ(Whole("text/html", "Please log in"), ContentKind::kHtml);
}

TEST(ContentSnifferTest, RefusesTheRest) {
  EXPECT_EQ(Whole("application/json", "{\"a\": 1}"), ContentKind::kOther);
  EXPECT_EQ(Whole("audio/mpeg", "Too many listeners"), ContentKind::kOther);
  EXPECT_EQ(Whole("text/xml", "<rss version=\"2.0\">"), ContentKind::kOther);
  EXPECT_EQ(Whole("image/png", "\x89PNG\r\n\x1a\n\0"s), ContentKind::kOther);
}

TEST(ContentSnifferTest, KnowsListsInMarkup) {
  for (const std::string type : {"audio/mpeg", "text/html", "text/xml", ""}) {
    EXPECT_EQ(Whole(type, "<asx version=\"3.0\">"), ContentKind::kPlaylist) << type;
    EXPECT_EQ(Whole(type, "<?xml version='1.0'?>\n<playlist>"), ContentKind::kPlaylist) << type;
    EXPECT_EQ(Whole(type, "[Reference]\nRef1=http://a/"), ContentKind::kPlaylist) << type;
  }
  // Its first element may come late.
  const std::string comment = "<!--" + std::string(kSniffBytesMax, 'x');
  EXPECT_EQ(Whole("application/xspf+xml", comment), ContentKind::kPlaylist);
  EXPECT_EQ(Whole("text/plain", comment, "/a.asx"), ContentKind::kPlaylist);
  EXPECT_EQ(Whole("text/plain", comment), ContentKind::kOther);
  EXPECT_EQ(Whole("application/xspf+xml", "<rss>"), ContentKind::kOther);
}

TEST(ContentSnifferTest, TakesNoPartOfATagForATag) {
  EXPECT_EQ(Beginning("audio/x-scpls", "<?xml version='1.0'?><p"), ContentKind::kNeedMore);
  EXPECT_EQ(Beginning("audio/x-scpls", "<?xml version='1.0'?><p>"), ContentKind::kHtml);
}

TEST(ContentSnifferTest, KnowsListsByTypeAndSuffix) {
  EXPECT_TRUE(IsListType("video/x-ms-asf"));
  EXPECT_FALSE(IsListType("audio/mpeg"));
  EXPECT_TRUE(IsListPath("http://a/b/c.PLS?d=e.mp3"));
  EXPECT_TRUE(IsListPath("listen.m3u8"));
  EXPECT_FALSE(IsListPath("/a.pls/b"));
  EXPECT_FALSE(IsListPath(""));
}

}  // namespace
}  // namespace headwater
