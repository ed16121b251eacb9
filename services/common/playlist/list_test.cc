#include "services/common/playlist/list.h"

#include <gtest/gtest.h>

#include <string>

namespace headwater {
namespace {

TEST(ListTest, IsRecognizedByItsFirstWords) {
  for (const char* text : {"#EXTM3U", "\xef\xbb\xbf\r\n#extinf:-1,x", "http://a/", "HTTPS://a/",
                           "# by hand\n\n  icy://a/", "rtsp://a/b.ra\n--stop--"}) {
    EXPECT_EQ(RecognizeList(text), ListFormat::kM3u) << text;
  }
  for (const char* text : {"[playlist]", " \n[Reference]\r\nRef1=x", "[InternetShortcut]"}) {
    EXPECT_EQ(RecognizeList(text), ListFormat::kPls) << text;
  }
  for (const char* text : {"<ASX>", "<?xml version='1.0'?>\n<playlist>", "<!-- x --><smil a='b'>",
                           "<opml", "<?quicktime?><embed src='x'>"}) {
    EXPECT_EQ(RecognizeList(text), ListFormat::kXml) << text;
  }
  for (const char* text : {"", "a.mp3", "<html>", "<rss>", "{}", "# only a comment", "x <asx>"}) {
    EXPECT_EQ(RecognizeList(text), ListFormat::kNone) << text;
  }
}

TEST(ListTest, IsReadByWhatItSaysItself) {
  const auto first = [](std::string_view text) { return ParseList(text)->entries.at(0).location; };
  EXPECT_EQ(first("#EXTM3U\na"), "a");
  EXPECT_EQ(first("b.mp3"), "b.mp3");
  EXPECT_EQ(first("[playlist]\nFile1=c"), "c");
  EXPECT_EQ(first("<asx><entry><ref href='d'/>"), "d");
  EXPECT_EQ(ParseList("<rss/>").error(), PlaylistError::kUnknownFormat);
  EXPECT_EQ(ParseList("#EXTM3U\n#EXT-X-TARGETDURATION:6\n").error(), PlaylistError::kHls);
}

}  // namespace
}  // namespace headwater
