#include "services/common/playlist/pls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace headwater {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

auto Location(const std::string& location) { return Field(&PlaylistEntry::location, location); }

TEST(PlsTest, ReadsWhatIcecastWrites) {
  const auto playlist = ParsePls(
      "[playlist]\r\nNumberOfEntries=2\r\nFile1=http://radio.example:8000/jazz\r\nTitle1=Jazz = "
      "Life\r\nLength1=-1\r\n"
      "File2=http://radio.example:8000/news\r\nTitle2=News\r\nLength2=-1\r\nVersion=2\r\n");
  ASSERT_TRUE(playlist.ok());
  EXPECT_THAT(playlist->entries, ElementsAre(Location("http://radio.example:8000/jazz"),
                                             Location("http://radio.example:8000/news")));
  EXPECT_EQ(playlist->entries[0].title, "Jazz = Life");
  EXPECT_EQ(playlist->entries[0].line, 3u);
  EXPECT_EQ(playlist->skipped_lines, 0u);
}

TEST(PlsTest, OrdersByNumberNotByPlace) {
  EXPECT_THAT(ParsePls("\n[Playlist]\nfile10=c\nFILE2=b\nFile1=a\nTitle3=no file\n")->entries,
              ElementsAre(Location("a"), Location("b"), Location("c")));
}

TEST(PlsTest, SkipsWhatMeansNothing) {
  const auto playlist =
      ParsePls("[playlist]\nnonsense\nFile=x\nFileX=y\nFile1 = z \nFile99999999999=w\n; comment\n");
  EXPECT_THAT(playlist->entries, ElementsAre(Location("z")));
  EXPECT_EQ(playlist->skipped_lines, 1u);
  EXPECT_EQ(playlist->first_skipped_line, 2u);
}

TEST(PlsTest, ReadsItsKin) {
  EXPECT_THAT(
      ParsePls("[Reference]\r\nRef1=http://a/x?MSWMExt=.asf\r\nRef2=http://b/\r\n")->entries,
      ElementsAre(Location("http://a/x?MSWMExt=.asf"), Location("http://b/")));
  EXPECT_THAT(ParsePls("[InternetShortcut]\nURL=http://a/?b=c\nURL2=no\nIconIndex=1\n")->entries,
              ElementsAre(Location("http://a/?b=c")));
  EXPECT_THAT(ParsePls("[playlist]\nRef1=no\nURL=no\n")->entries, IsEmpty());
}

TEST(PlsTest, RefusesOtherTexts) {
  EXPECT_EQ(ParsePls("#EXTM3U\nhttp://a/\n").error(), PlaylistError::kNotPls);
  EXPECT_EQ(ParsePls("").error(), PlaylistError::kNotPls);
  EXPECT_EQ(ParsePls(std::string_view("[playlist]\0", 11)).error(), PlaylistError::kBinary);
  EXPECT_EQ(ParsePls("[playlist]\n", {.bytes_max = 10}).error(), PlaylistError::kTooLong);
}

TEST(PlsTest, LooksAtTheBeginningOnly) {
  EXPECT_TRUE(LooksLikePls("\xef\xbb\xbf \r\n[PLAYLIST]"));
  EXPECT_FALSE(LooksLikePls("http://a/\n[playlist]"));
  EXPECT_FALSE(LooksLikePls("[play"));
}

TEST(PlsTest, HoldsItsLimits) {
  const auto cut =
      ParsePls("[playlist]\nFile1=a\nFile2=b\nFile3=c\nTitle1=A\n", {.entries_max = 2});
  EXPECT_THAT(cut->entries, ElementsAre(Location("a"), Location("b")));
  EXPECT_TRUE(cut->truncated);
  EXPECT_EQ(cut->entries[0].title, "A");
}

TEST(PlsTest, SurvivesTruncationAtEveryLength) {
  const std::string text = "[playlist]\nFile1=http://a/\nTitle1=A\n";
  for (size_t length = 0; length <= text.size(); ++length) {
    const auto playlist = ParsePls(std::string_view(text).substr(0, length));
    EXPECT_EQ(playlist.ok(), length >= 10) << length;
  }
  EXPECT_THAT(ParsePls("[playlist]")->entries, IsEmpty());
}

}  // namespace
}  // namespace headwater
