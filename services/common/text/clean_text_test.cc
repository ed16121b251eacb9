#include "services/common/text/clean_text.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

TEST(CleanTextTest, KeepsUtf8) { EXPECT_EQ(CleanText("Björk – Jóga 🎵", 100), "Björk – Jóga 🎵"); }

TEST(CleanTextTest, ReadsAnythingElseAsWindows1252) {
  EXPECT_EQ(CleanText("Bj\xf6rk \x96 J\xf3ga \x80", 100), "Björk – Jóga €");
}

TEST(CleanTextTest, DropsACharacterCutOffAtTheEnd) {
  EXPECT_EQ(CleanText("J\xc3\xb3ga \xe2\x82", 100), "Jóga");
  EXPECT_EQ(CleanText("Caf\xe9", 100), "Café");
}

TEST(CleanTextTest, MakesOneLineWithoutControlCharacters) {
  EXPECT_EQ(CleanText("\r\n a\0b\tc\x1b[31m\xc2\x85"
                      "d \n",
                      100),
            "a");
  EXPECT_EQ(CleanText(std::string_view("\r\n a\0b\tc\x1b[31m\xc2\x85"
                                       "d \n",
                                       18),
                      100),
            "a b c [31m d");
}

TEST(CleanTextTest, RemovesDirectionOverridesAndByteOrderMarks) {
  EXPECT_EQ(CleanText("\xef\xbb\xbf"
                      "a\xe2\x80\xae"
                      "b",
                      100),
            "ab");
}

TEST(CleanTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CleanText("aöö", 4), "aö");
  EXPECT_EQ(CleanText("a ö", 3), "a");
  EXPECT_EQ(CleanText("ö", 1), "");
}

TEST(CleanTextTest, RefusesOverlongFormsAndSurrogatesAsUtf8) {
  EXPECT_FALSE(IsUtf8("\xc0\xaf"));
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80"));
  EXPECT_FALSE(IsUtf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(IsUtf8("a\xe2\x82"));
  EXPECT_TRUE(IsUtf8("a\xe2\x82\xac"));
}

}  // namespace
}  // namespace headwater
