#include "services/dvb-tuner/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"

namespace headwater::tuner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status Read(const std::string& text, Options& options) {
  auto file = ConfigTable::Parse("[dvb-tuner]\n" + text, "test.toml");
  if (!file.ok()) return file.status();
  ConfigTable table = file->Table("dvb-tuner");
  options = ReadOptions(table);
  table.RejectUnknown();
  return file->status();
}
std::string ErrorOf(const std::string& text) {
  Options options;
  return std::string(FromAbsl(Read(text, options).message()));
}

TEST(ConfigTest, AnEmptyTableKeepsTheDefaults) {
  Options options;
  EXPECT_TRUE(Read("", options).ok());
  EXPECT_EQ(options.reception.retune_hold, 10s);
  EXPECT_EQ(options.dvblast, "dvblast");
  EXPECT_TRUE(options.tuners.empty());
}

TEST(ConfigTest, ReadsEveryKey) {
  Options options;
  const absl::Status status = Read(R"(carriers = "/etc/headwater/carriers"
position = "28.2E"
positions = ["28.2E", "19.2E"]
network_inputs = 2
dvblast = "/usr/bin/dvblast"
any_type = true
latency = "50ms"
retune_hold = "3s"
lock_timeout = "4s"
lock_patience = "10s"
lost_patience = "20s"
service_patience = "5s"
descramble_patience = "6s"
orphan_timeout = "1m"
leases_max = 9

[[dvb-tuner.tuners]]
name = "adapter1"
adapter = 1
frontend = 2
ca = 3
pid_filter = true
delivery_systems = ["DVBS", "DVBS2"]
positions = ["28.2E"]

[[dvb-tuner.tuners]]
name = "roof"
satip = "[2001:db8::5]:8554"
server_frontend = 2
delivery_systems = ["DVBT2"]

[[dvb-tuner.tuners]]
name = "any"
satip = "search"
search_from = "192.0.2.9"
delivery_systems = ["DVBS"]
)",
                                   options);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(options.carriers_path, "/etc/headwater/carriers");
  EXPECT_EQ(options.positions.standard, "28.2E");
  EXPECT_THAT(options.positions.by_switch, ElementsAre("28.2E", "19.2E"));
  EXPECT_EQ(options.latency, 50ms);
  EXPECT_EQ(options.reception.leases_max, 9u);
  EXPECT_EQ(options.reception.orphan_timeout, 1min);
  ASSERT_EQ(options.tuners.size(), 5u);
  EXPECT_EQ(options.tuners[0].adapter, 1);
  EXPECT_EQ(options.tuners[0].frontend, 2);
  EXPECT_EQ(options.tuners[0].ca, 3);
  EXPECT_TRUE(options.tuners[0].pid_filter);
  EXPECT_THAT(options.tuners[0].systems,
              ElementsAre(DeliverySystem::kDvbs, DeliverySystem::kDvbs2));
  EXPECT_EQ(options.tuners[1].kind, TunerKind::kSatip);
  EXPECT_EQ(options.tuners[1].server, "2001:db8::5");
  EXPECT_EQ(options.tuners[1].server_port, 8554);
  EXPECT_EQ(options.tuners[2].server, "");
  EXPECT_EQ(options.tuners[2].search_from, "192.0.2.9");
  EXPECT_EQ(options.tuners[4].name, "network1");
  EXPECT_EQ(options.tuners[4].kind, TunerKind::kNetwork);
}

TEST(ConfigTest, NamesWhatIsWrong) {
  const std::string tuner = "[[dvb-tuner.tuners]]\nname = \"a\"\n";
  EXPECT_THAT(ErrorOf(tuner), HasSubstr("delivery_systems"));
  EXPECT_THAT(ErrorOf(tuner + "delivery_systems = [\"DVBX\"]"), HasSubstr("allowed are DVBS"));
  EXPECT_THAT(ErrorOf(tuner + "delivery_systems = [\"DVBS\"]\nsatip = \"box\""),
              HasSubstr("in figures"));
  EXPECT_THAT(ErrorOf(tuner + "delivery_systems = [\"DVBS\"]\nsatip = \"search\"\n" +
                      "search_from = \"::1\""),
              HasSubstr("IPv4"));
  EXPECT_THAT(ErrorOf(tuner + "delivery_systems = [\"DVBS\"]\nadaptor = 1"), HasSubstr("adaptor"));
  EXPECT_THAT(
      ErrorOf(tuner + "delivery_systems = [\"DVBS\"]\n" + tuner + "delivery_systems = [\"DVBS\"]"),
      HasSubstr("two tuners"));
  EXPECT_THAT(ErrorOf("positions = [\"1\", \"2\", \"3\", \"4\", \"5\"]"), HasSubstr("4 positions"));
  EXPECT_THAT(ErrorOf("position = \"28 E\""), HasSubstr("a word"));
  EXPECT_THAT(ErrorOf("[[dvb-tuner.tuners]]\nname = \"No\"\ndelivery_systems = [\"DVBS\"]"),
              HasSubstr("1 to 32"));
}

}  // namespace
}  // namespace headwater::tuner
