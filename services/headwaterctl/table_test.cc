#include "services/headwaterctl/table.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

TEST(FormatTableTest, AlignsByCodePoints) {
  EXPECT_EQ(FormatTable({"NAME", "STATE"}, {{"Zürich", "live"}, {"x", "failed"}}),
            "NAME    STATE\n"
            "Zürich  live\n"
            "x       failed\n");
}

TEST(FormatTableTest, KeepsTerminalsSafeFromTitles) {
  EXPECT_EQ(FormatTable({"T"}, {{"a\x1b[2Jb\nc\xc2\x9b"}}), "T\na?[2Jb?c?\n");
}

TEST(FormatTableTest, ShowsTheHeaderAloneWhenThereIsNothing) {
  EXPECT_EQ(FormatTable({"A", "B"}, {}), "A  B\n");
}

TEST(FormatTableTest, LeavesOutEmptyColumnsWhenAsked) {
  EXPECT_EQ(FormatTable({"A", "B", "C"}, {{"1", "", "3"}, {"4", "", ""}}, {.hide_empty = true}),
            "A  C\n1  3\n4\n");
  EXPECT_EQ(FormatTable({"A", "B"}, {{"1", ""}}), "A  B\n1\n");
  EXPECT_EQ(FormatTable({"A", "B"}, {}, {.hide_empty = true}), "A  B\n");
}

}  // namespace
}  // namespace headwater
