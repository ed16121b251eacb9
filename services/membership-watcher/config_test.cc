#include "services/membership-watcher/config.h"

#include <gtest/gtest.h>

#include <string>

namespace headwater::membership {
namespace {

absl::Status Read(const std::string& text, Options& options) {
  auto file = ConfigTable::Parse(text, "test.toml");
  if (!file.ok()) return file.status();
  ConfigTable table = file->Table("membership-watcher");
  ReadOptions(table, options);
  table.RejectUnknown();
  return file->status();
}

TEST(ConfigTest, AnEmptyTableKeepsTheDefaults) {
  Options options;
  EXPECT_TRUE(Read("", options).ok());
  EXPECT_EQ(options.querier.robustness, 2);
  EXPECT_EQ(options.querier.query_interval, 125s);
  EXPECT_TRUE(options.table.immediate_leave);
}

TEST(ConfigTest, ReadsEveryKey) {
  Options options;
  const absl::Status status = Read(R"([membership-watcher]
robustness = 3
query_interval = "20s"
query_response_interval = "5s"
last_member_query_interval = "500ms"
last_member_query_count = 4
startup_query_interval = "2s"
startup_query_count = 5
startup_response_interval = "2s"
synced_margin = "100ms"
ipv6_wait = "1s"
groups_max = 10
members_per_group_max = 20
sources_per_group_max = 30
entries_max = 40
immediate_leave = false
)",
                                   options);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(options.querier.robustness, 3);
  EXPECT_EQ(options.querier.query_interval, 20s);
  EXPECT_EQ(options.querier.query_response_interval, 5s);
  EXPECT_EQ(options.querier.last_member_query_interval, 500ms);
  EXPECT_EQ(options.querier.last_member_query_count, 4);
  EXPECT_EQ(options.querier.startup_query_interval, 2s);
  EXPECT_EQ(options.querier.startup_query_count, 5);
  EXPECT_EQ(options.querier.startup_response_interval, 2s);
  EXPECT_EQ(options.querier.synced_margin, 100ms);
  EXPECT_EQ(options.querier.ipv6_wait, 1s);
  EXPECT_EQ(options.table.groups_max, 10u);
  EXPECT_EQ(options.table.members_per_group_max, 20u);
  EXPECT_EQ(options.table.sources_per_group_max, 30u);
  EXPECT_EQ(options.table.entries_max, 40u);
  EXPECT_FALSE(options.table.immediate_leave);
}

TEST(ConfigTest, RefusesWhatTheProtocolForbids) {
  for (const char* line : {"robustness = 0", "robustness = 8", "query_response_interval = \"125s\"",
                           "query_interval = \"9h\"", "querry_interval = \"9s\""}) {
    Options options;
    const absl::Status status = Read(std::string("[membership-watcher]\n") + line + "\n", options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_NE(status.ToString().find("test.toml:2"), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace headwater::membership
