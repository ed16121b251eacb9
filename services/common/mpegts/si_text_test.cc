#include "services/common/mpegts/si_text.h"

#include <gtest/gtest.h>

namespace headwater::mpegts {
namespace {

std::string Text(std::string_view raw, size_t max = 100) { return SiText(AsBytes(raw), max); }
using std::string_view_literals::operator""sv;

TEST(SiTextTest, ReadsTheDefaultTable) {
  EXPECT_EQ(Text("BBC Radio 1"), "BBC Radio 1");
  // ISO 6937: the accent comes before its letter.
  EXPECT_EQ(Text("Caf\xc2"
                 "e"),
            "Café");
  EXPECT_EQ(Text("M\xc8unchen"), "München");
}

TEST(SiTextTest, ReadsEveryWayToNameACharset) {
  EXPECT_EQ(Text("\x05M\xfcnchen"), "München");               // ISO 8859-9
  EXPECT_EQ(Text("\x10\x00\x0f\xa4 5"sv), "€ 5");             // ISO 8859-15
  EXPECT_EQ(Text("\x01\xbc\xde\xe1\xda\xd2\xd0"), "Москва");  // ISO 8859-5
  EXPECT_EQ(Text("\x11\x04\x1c\x00 \x26\x03"sv), "М ☃");      // ISO 10646
  EXPECT_EQ(Text("\x15Gr\xc3\xbc\xc3\x9f"
                 "e"),
            "Grüße");                     // UTF-8
  EXPECT_EQ(Text("\x12\xb0\xa1"), "가");  // KS X 1001
  EXPECT_EQ(Text("\x13\xd6\xd0"), "中");  // GB 2312
}

TEST(SiTextTest, CleansControlsAndLineEnds) {
  EXPECT_EQ(Text("One\x8aTwo \x86Three\x87"), "One Two Three");
  EXPECT_EQ(Text("\x11\x00"
                 "A\xe0\x8a\x00"
                 "B"sv),
            "A B");
  EXPECT_EQ(Text("A\x01\x02"
                 "B\x1b[31m"),
            "A B [31m");
}

TEST(SiTextTest, GivesNothingForWhatItCannotRead) {
  EXPECT_EQ(Text(""), "");
  EXPECT_EQ(Text("\x1f\x01xyz"), "");  // compressed
  EXPECT_EQ(Text("\x0cxyz"), "");
  EXPECT_EQ(Text("\x10\x00\x0cxyz"sv), "");  // ISO 8859-12
  EXPECT_EQ(Text("\x10"), "");
  EXPECT_EQ(Text("\x15\xff\xfe"), "");
}

TEST(SiTextTest, IsCutBetweenCharacters) {
  EXPECT_EQ(Text("\x15\xc3\xbc\xc3\xbc\xc3\xbc", 5), "üü");
  EXPECT_EQ(Text("\x11\x04"sv), "");
}

TEST(LanguageCodeTest, TakesLettersAlone) {
  EXPECT_EQ(LanguageCode(AsBytes("ENG")), "eng");
  EXPECT_EQ(LanguageCode(AsBytes("e1g")), "");
  EXPECT_EQ(LanguageCode(AsBytes("en")), "");
}

}  // namespace
}  // namespace headwater::mpegts
