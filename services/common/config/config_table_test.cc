#include "services/common/config/config_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

using ::testing::HasSubstr;

ConfigTable Parsed(const std::string& text) {
  return ConfigTable::Parse(text, "test.toml").value();
}

std::string Faults(const ConfigTable& table) { return std::string(table.status().message()); }

TEST(ConfigTableTest, ReadsWhatIsThereAndKeepsDefaults) {
  ConfigTable file = Parsed(
      "[a]\nname = \"x\"\nlinger = \"250ms\"\ncount = 7\non = true\nurls = [\"p\", \"q\"]\n");
  ConfigTable table = file.Table("a");
  std::string name;
  Duration linger = 3s;
  Duration other = 4s;
  uint32_t count = 1;
  bool on = false;
  std::vector<std::string> urls;
  EXPECT_TRUE(table.Read("name", name));
  EXPECT_TRUE(table.Read("linger", linger, {0s, 1h}));
  EXPECT_FALSE(table.Read("other", other, {0s, 1h}));
  EXPECT_TRUE(table.Read("count", count, {0, 10}));
  EXPECT_TRUE(table.Read("on", on));
  EXPECT_TRUE(table.Read("urls", urls));
  table.RejectUnknown();
  file.RejectUnknown();
  EXPECT_TRUE(file.status().ok()) << file.status();
  EXPECT_EQ(name, "x");
  EXPECT_EQ(linger, 250ms);
  EXPECT_EQ(other, 4s);
  EXPECT_EQ(count, 7u);
  EXPECT_TRUE(on);
  EXPECT_EQ(urls.size(), 2u);
}

TEST(ConfigTableTest, NamesThePlaceOfEveryFault) {
  ConfigTable file = Parsed("[a]\ncount = 70\nlinger = 3\ntypo = 1\n");
  ConfigTable table = file.Table("a");
  uint32_t count = 1;
  Duration linger = 3s;
  table.Read("count", count, {0, 10});
  table.Read("linger", linger, {0s, 1h});
  table.RejectUnknown();
  EXPECT_EQ(count, 1u) << "a wrong value never arrives";
  EXPECT_THAT(Faults(file), HasSubstr("test.toml:2:9: count: must be from 0 to 10; it is 70"));
  EXPECT_THAT(Faults(file), HasSubstr("test.toml:3:10: linger: must be a string in quotes"));
  EXPECT_THAT(Faults(file),
              HasSubstr("test.toml:4:8: typo: is no key of [a]; allowed: count, linger"));
}

TEST(ConfigTableTest, RefusesDuplicatesAndSyntaxErrorsWithTheirLine) {
  for (const char* text : {"a = 1\na = 2\n", "x = 1\ny =\n", "[t]\n[t]\n"}) {
    absl::StatusOr<ConfigTable> file = ConfigTable::Parse(text, "test.toml");
    ASSERT_FALSE(file.ok()) << text;
    EXPECT_THAT(std::string(file.status().message()), HasSubstr("test.toml:2:"));
  }
}

TEST(ConfigTableTest, ReadsArraysOfTables) {
  ConfigTable file = Parsed("[[d]]\nname = \"x\"\n[[d]]\nname = \"y\"\nbad = 1\n");
  std::vector<ConfigTable> tables = file.Tables("d");
  ASSERT_EQ(tables.size(), 2u);
  for (ConfigTable& table : tables) {
    std::string name;
    EXPECT_TRUE(table.Read("name", name));
    table.RejectUnknown();
  }
  EXPECT_THAT(Faults(file), HasSubstr("test.toml:5:7: bad"));
}

TEST(ConfigTableTest, SaysWhichFileCannotBeRead) {
  EXPECT_THAT(std::string(ConfigTable::Load("/nonexistent/x.toml").status().message()),
              HasSubstr("/nonexistent/x.toml"));
}

TEST(ParseDurationTest, TakesWholeNumbersWithUnits) {
  EXPECT_EQ(*ParseDuration("0s"), 0s);
  EXPECT_EQ(*ParseDuration("90m"), 90min);
  for (const char* bad :
       {"", "3", "s", "-1s", "3 s", "3.5s", "99999999999999999999s", "9999999999999h"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
  EXPECT_EQ(FormatDuration(1500ms), "1500ms");
  EXPECT_EQ(FormatDuration(2h), "2h");
}

}  // namespace
}  // namespace headwater
