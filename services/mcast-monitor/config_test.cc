#include "services/mcast-monitor/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/common/base/absl_text.h"

namespace headwater::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status Read(const std::string& text, Options& options) {
  auto file = ConfigTable::Parse("[legs]\nmgmt = \"eth1\"\nvoice = \"eth2\"\n" + text, "test.toml");
  if (!file.ok()) return file.status();
  const CommonOptions common = LoadCommonOptions(*file);
  ConfigTable table = file->Table("mcast-monitor");
  options = ReadOptions(table, common);
  table.RejectUnknown();
  return file->status();
}

std::string ErrorOf(const std::string& text) {
  Options options;
  return std::string(FromAbsl(Read(text, options).message()));
}

TEST(ConfigTest, AnEmptyTableListensToNothing) {
  Options options;
  EXPECT_TRUE(Read("", options).ok());
  EXPECT_TRUE(options.listen.empty());
  EXPECT_FALSE(options.Wants(Protocol::kNtp));
}

TEST(ConfigTest, ReadsEveryKey) {
  Options options;
  const absl::Status status = Read(R"(
[mcast-monitor]
ntp_port = 1123
snmp_port = 1162
syslog_port = 1514
acknowledge_informs = false
receive_buffer = 100000

[mcast-monitor.ntp]
clock = "chrony"
stratum = 3
answer_from_group = ["voice"]
relay = "127.0.0.1:11123"
rate_burst = 4
rate_interval = "1s"
rate_total = 100
sources_max = 7

[[mcast-monitor.listen]]
service = "ntp"

[[mcast-monitor.listen]]
service = "syslog"
links = ["mgmt"]
groups = ["234.192.168.1", "ff35::514"]
sources = ["2001:db8::1"]

[[mcast-monitor.snmp_users]]
name = "bob"
auth = "SHA-256"
auth_password = "authpass1"
privacy_password = "privpass1"

[[mcast-monitor.handover]]
service = "syslog"
target = "[::1]:514"
keep_source = true
queue_max = 10
queue_bytes_max = 70000

[mcast-monitor.store]
size_max_mib = 32
age_max = "48h"
segment_events_max = 2000
queue_max = 100)",
                                   options);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(options.ports, ElementsAre(1123, 1162, 1514));
  EXPECT_FALSE(options.acknowledge_informs);
  EXPECT_EQ(options.receive_buffer, 100000);
  EXPECT_EQ(options.ntp.chrony->ToString(), "127.0.0.1:123");
  EXPECT_EQ(options.ntp.relay->ToString(), "127.0.0.1:11123");
  EXPECT_EQ(options.ntp.stratum, 3);
  EXPECT_THAT(options.ntp.answer_from_group, ElementsAre("voice"));
  EXPECT_EQ(options.ntp.rate, (RateOptions{4, 1s, 100, 7}));
  ASSERT_EQ(options.listen.size(), 2u);
  EXPECT_THAT(options.listen[0].links, ElementsAre("mgmt", "voice"));
  EXPECT_EQ(options.listen[0].groups.size(), 3u) << "IANA's";
  EXPECT_EQ(options.listen[1].groups[1].ToString(), "ff35::514");
  EXPECT_EQ(options.listen[1].sources.size(), 1u);
  ASSERT_EQ(options.snmp_users.size(), 1u);
  EXPECT_EQ(options.snmp_users[0].auth, SnmpAuth::kSha256);
  EXPECT_EQ(options.handovers[0].target.ToString(), "[::1]:514");
  EXPECT_TRUE(options.handovers[0].keep_source);
  EXPECT_EQ(options.handovers[0].queue.datagrams_max, 10u);
  EXPECT_EQ(options.handovers[0].queue.bytes_max, 70000u);
  EXPECT_EQ(options.store, (StoreOptions{32 << 20, 48h, 2000, 100}));
}

TEST(ConfigTest, NamesWhatIsWrong) {
  const std::string listen = "[[mcast-monitor.listen]]\n";
  EXPECT_THAT(ErrorOf(listen + "service = \"snpm\""), HasSubstr("\"snpm\" must be"));
  EXPECT_THAT(ErrorOf(listen + "service = \"snmp\""), HasSubstr("names the groups"));
  EXPECT_THAT(ErrorOf(listen + "service = \"snmp\"\ngroups = [\"192.168.0.1\"]"),
              HasSubstr("\"192.168.0.1\" is no multicast address"));
  EXPECT_THAT(ErrorOf(listen + "service = \"snmp\"\ngroups = [\"232.1.1.1\"]"),
              HasSubstr("232.1.1.1 is a source-specific group"));
  EXPECT_THAT(ErrorOf(listen + "service = \"ntp\"\nlinks = [\"lan\"]"),
              HasSubstr("\"lan\" is no link"));
  const std::string handover = "[[mcast-monitor.handover]]\nservice = \"syslog\"\n";
  EXPECT_THAT(ErrorOf(handover + "target = \"127.0.0.1\""), HasSubstr("\"127.0.0.1\" must be"));
  EXPECT_THAT(ErrorOf(handover + "target = \"::1:514\""), HasSubstr("\"::1:514\" must be"));
  EXPECT_THAT(ErrorOf("[[mcast-monitor.handover]]\nservice = \"ntp\"\ntarget = \"127.0.0.1:1\""),
              HasSubstr("relay ="));
  const std::string user = "[[mcast-monitor.snmp_users]]\nname = \"bob\"\n";
  EXPECT_THAT(ErrorOf(user + "auth_password = \"short\""), HasSubstr("at least 8"));
  EXPECT_THAT(ErrorOf(user + "auth = \"SHA3\"\nauth_password = \"authpass1\""),
              HasSubstr("\"SHA3\" must be"));
  EXPECT_THAT(ErrorOf("[mcast-monitor.ntp]\nclock = \"192.0.2.1:123\""),
              HasSubstr("on this machine"));
  EXPECT_THAT(ErrorOf("[mcast-monitor]\nports = 1"), HasSubstr("ports"));
}

}  // namespace
}  // namespace headwater::monitor
