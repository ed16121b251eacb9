#include "services/directory-resolver/text_fold.h"

#include <gtest/gtest.h>

namespace headwater::directory_resolver {
namespace {

TEST(TextFoldTest, FoldsTheAlphabetsOfRadioStations) {
  EXPECT_EQ(FoldCase("Radio JAZZ 101.1"), "radio jazz 101.1");
  EXPECT_EQ(FoldCase("ÖSTERREICH Straße ÆØÅ"), "österreich strasse æøå");
  EXPECT_EQ(FoldCase("ČESKÝ ROZHLAS ŁÓDŹ ŽŠĐ İSTANBUL"), "český rozhlas łódź žšđ istanbul");
  EXPECT_EQ(FoldCase("ΕΛΛΗΝΙΚΌΣ ραδιοσταθμός"), "ελληνικόσ ραδιοσταθμόσ");
  EXPECT_EQ(FoldCase("РАДИО ЁЛКА ҐУДЗИК"), "радио ёлка ґудзик");
}

TEST(TextFoldTest, LeavesOtherBytesAlone) {
  EXPECT_EQ(FoldCase("日本 \xff\xc3 \xc3"), "日本 \xff\xc3 \xc3");
  EXPECT_EQ(FoldCase("×÷"), "×÷");
}

}  // namespace
}  // namespace headwater::directory_resolver
