#include "services/membership-watcher/config.h"

#include <gtest/gtest.h>

#include <string>

namespace headwater::membership {
namespace {

absl::Status Read(const std::string& text, WatcherOptions& options) {
  auto file = ConfigTable::Parse(text, "test.toml");
  if (!file.ok()) return file.status();
  ConfigTable table = file->Table("membership-watcher");
  ReadOptions(table, {"lan", "vlan20"}, options);
  table.RejectUnknown();
  return file->status();
}

TEST(ConfigTest, AnEmptyTableKeepsTheDefaults) {
  WatcherOptions options;
  EXPECT_TRUE(Read("", options).ok());
  EXPECT_EQ(options.common.ipv4.robustness, 2);
  EXPECT_EQ(options.common.ipv4.query_interval, 125s);
  EXPECT_TRUE(options.common.table.immediate_leave);
  EXPECT_TRUE(options.common.ipv4.compatibility);
  EXPECT_EQ(options.common.ipv6.version, 0);
}

TEST(ConfigTest, ReadsEveryKey) {
  WatcherOptions options;
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
observe = "mdb"
groups_max = 10
members_per_group_max = 20
sources_per_group_max = 30
entries_max = 40
immediate_leave = false
records_per_second_max = 50
querier = "never"
compatibility = false
ssm_ranges = ["232.1.0.0/16"]
ssm_mapping = [{groups = "ff3e::/96", source = "2001:db8::1"}]
ipv4 = {igmp_version = 2}
ipv6 = {mld_version = 1}
)",
                                   options);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(options.common.ipv4.robustness, 3);
  EXPECT_EQ(options.common.ipv4.query_interval, 20s);
  EXPECT_EQ(options.common.ipv4.query_response_interval, 5s);
  EXPECT_EQ(options.common.ipv4.last_member_query_interval, 500ms);
  EXPECT_EQ(options.common.ipv4.last_member_query_count, 4);
  EXPECT_EQ(options.common.ipv4.startup_query_interval, 2s);
  EXPECT_EQ(options.common.ipv4.startup_query_count, 5);
  EXPECT_EQ(options.common.ipv4.startup_response_interval, 2s);
  EXPECT_EQ(options.common.ipv4.synced_margin, 100ms);
  EXPECT_EQ(options.common.ipv6_wait, 1s);
  EXPECT_EQ(options.common.observe, Observe::kMdb);
  EXPECT_EQ(options.common.table.groups_max, 10u);
  EXPECT_EQ(options.common.table.members_per_group_max, 20u);
  EXPECT_EQ(options.common.table.sources_per_group_max, 30u);
  EXPECT_EQ(options.common.table.entries_max, 40u);
  EXPECT_FALSE(options.common.table.immediate_leave);
  EXPECT_EQ(options.common.table.records_per_second_max, 50u);
  EXPECT_EQ(options.common.ipv6.role, QuerierRole::kNever);
  EXPECT_EQ(options.common.ipv6.robustness, 3);
  EXPECT_FALSE(options.common.ipv6.compatibility);
  EXPECT_EQ(options.common.ipv4.version, 2);
  EXPECT_EQ(options.common.ipv6.version, 1);
  ASSERT_EQ(options.common.table.ssm_ranges.size(), 1u);
  ASSERT_EQ(options.common.table.ssm_mapping.size(), 1u);
  EXPECT_TRUE(options.common.table.ssm_mapping[0].groups.Contains(*IpAddress::Parse("ff3e::7")));
}

TEST(ConfigTest, ALinkAndAFamilyMayDiffer) {
  WatcherOptions options;
  const absl::Status status = Read(R"([membership-watcher]
query_interval = "60s"
[membership-watcher.ipv6]
robustness = 3
[membership-watcher.links.lan]
querier = "always"
groups_max = 5
[membership-watcher.links.lan.ipv4]
query_interval = "20s"
)",
                                   options);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(options.For("vlan20").ipv4.role, QuerierRole::kAuto);
  EXPECT_EQ(options.For("vlan20").ipv6.robustness, 3);
  EXPECT_EQ(options.For("lan").ipv6.role, QuerierRole::kAlways);
  EXPECT_EQ(options.For("lan").ipv4.query_interval, 20s);
  EXPECT_EQ(options.For("lan").ipv6.query_interval, 60s);
  EXPECT_EQ(options.For("lan").ipv6.robustness, 3);
  EXPECT_EQ(options.For("lan").table.groups_max, 5u);
}

TEST(ConfigTest, RefusesWhatTheProtocolForbids) {
  for (const char* line : {"robustness = 0", "robustness = 8", "query_response_interval = \"125s\"",
                           "query_interval = \"9h\"", "querry_interval = \"9s\"",
                           "querier = \"maybe\"", "observe = \"mdbs\"", "ipv6 = {robustness = 8}",
                           "ipv4 = {mld_version = 1}", "ipv4 = {query_interval = \"9s\"}",
                           "ipv4 = {igmp_version = 2, query_response_interval = \"26s\"}",
                           "links = {lann = {robustness = 3}}", "links = {lan = {robust = 3}}",
                           "ssm_ranges = [\"10.0.0.0/8\"]",
                           "ssm_mapping = [{groups = \"232.0.0.0/8\", source = \"::1\"}]"}) {
    WatcherOptions options;
    const absl::Status status = Read(std::string("[membership-watcher]\n") + line + "\n", options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_NE(status.ToString().find("test.toml:2"), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace headwater::membership
