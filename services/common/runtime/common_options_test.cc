#include "services/common/runtime/common_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

using ::testing::HasSubstr;

TEST(CommonOptionsTest, ReadsLegsInBothForms) {
  ConfigTable file = ConfigTable::Parse(
                         "run_dir = \"/var/r\"\n[legs]\nlan = \"eth0\"\n"
                         "vlan20 = { interface = \"eth0.20\", service_address_ipv6 = "
                         "\"2001:db8::1\" }\n[rtp-packager]\nx = 1\n",
                         "t.toml")
                         .value();
  const CommonOptions options = LoadCommonOptions(file);
  file.RejectUnknown();
  ASSERT_TRUE(file.status().ok()) << file.status();
  ASSERT_EQ(options.legs.size(), 2u);
  EXPECT_EQ(options.legs[0].link, "lan");
  EXPECT_EQ(options.legs[0].interface, "eth0");
  EXPECT_EQ(options.legs[1].service_ipv6, IpAddress::Parse("2001:db8::1"));
  EXPECT_EQ(options.SocketPath("rtp-packager"), "/var/r/rtp-packager.sock");
}

TEST(CommonOptionsTest, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"[legs]\nLAN = \"eth0\"\n", "t.toml:2:"},
      {"[legs]\na = \"eth0\"\nb = \"eth0\"\n", "another link's"},
      {"[legs]\na = {service_address_ipv4 = \"::1\", interface = \"e\"}\n",
       "not a unicast address"},
      {"[legs]\na = \"an-interface-name-too-long\"\n", "not an interface name"},
      {"log_level = \"loud\"\n", "debug, info, warning or error"},
      {"[rtp-packer]\n", "rtp-packer: is no key"},
      {"http_address = \"localhost\"\n", "must be an IP address"},
  };
  for (const auto& [text, expected] : cases) {
    ConfigTable file = ConfigTable::Parse(text, "t.toml").value();
    LoadCommonOptions(file);
    file.RejectUnknown();
    EXPECT_THAT(std::string(file.status().message()), HasSubstr(expected)) << text;
  }
}

TEST(CommonOptionsTest, KeysThatNeedARestartAreNamed) {
  const CommonOptions running = {.legs = {{.link = "lan", .interface = "eth0"}}};
  CommonOptions wanted = running;
  wanted.log_level = LogLevel::kDebug;
  EXPECT_THAT(RestartKeys(running, wanted), ::testing::IsEmpty());
  wanted.legs[0].interface = "eth1";
  wanted.http_address = "::1";
  EXPECT_THAT(RestartKeys(running, wanted), ::testing::ElementsAre("http_address", "legs"));
}

}  // namespace
}  // namespace headwater
