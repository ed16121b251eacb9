#include "services/session-manager/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace headwater::session_manager {
namespace {

using ::testing::ElementsAre;

Options Read(const std::string& text, absl::Status& status) {
  auto file = ConfigTable::Parse(text, "test.toml");
  status = file.status();
  if (!file.ok()) return {};
  CommonOptions common;
  common.run_dir = "/run/test";
  ConfigTable table = file->Table("session-manager");
  const Options options = ReadOptions(table, common);
  table.RejectUnknown();
  status = file->status();
  return options;
}

TEST(ConfigTest, EndpointsDefaultToTheSocketsOfTheRunFolder) {
  absl::Status status;
  const Options options = Read("", status);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(options.membership_watchers, ElementsAre("unix:/run/test/membership-watcher.sock"));
  EXPECT_EQ(options.directory_resolver, "unix:/run/test/directory-resolver.sock");
  ASSERT_EQ(options.senders.size(), 1u);
  EXPECT_EQ(options.senders[0].packager, "unix:/run/test/rtp-packager.sock");
  EXPECT_EQ(options.reconciler, ReconcilerOptions());
  EXPECT_EQ(options.dvb_tuner, "unix:/run/test/dvb-tuner.sock");
  EXPECT_FALSE(options.dvb_tuner_expected);
}

TEST(ConfigTest, ReadsSendersAndLimits) {
  absl::Status status;
  const Options options = Read(R"(
[session-manager]
membership_watchers = ["unix:/a", "unix:/b"]
sessions_max = 7
dvb_tuner = "unix:/t"
senders = [{name = "one", packager = "unix:/p", announcer = "unix:/s"}]
)",
                               status);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(options.membership_watchers.size(), 2u);
  EXPECT_EQ(options.senders[0].announcer, "unix:/s");
  EXPECT_EQ(options.reconciler.sessions_max, 7u);
  EXPECT_TRUE(options.dvb_tuner_expected);
  EXPECT_EQ(options.check_period, 30s);
  EXPECT_EQ(Read("[session-manager]\ncheck_period = \"0s\"", status).check_period, 0s);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ConfigTest, RefusesWhatCannotBeMeant) {
  for (const std::string line :
       {"membership_watchers = []", "sessions_max = 0", "retry_min = \"30s\"\nretry_max = \"2s\"",
        "senders = [{name = \"a\"}, {name = \"a\"}]", "senders = [{nam = \"a\"}]",
        "check_period = \"999ms\"", "check_period = \"25h\"", "linger = \"3s\""}) {
    absl::Status status;
    Read("[session-manager]\n" + line, status);
    EXPECT_FALSE(status.ok()) << line;
  }
}

}  // namespace
}  // namespace headwater::session_manager
