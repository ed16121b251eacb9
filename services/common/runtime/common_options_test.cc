#include "services/common/runtime/common_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"

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

CommonOptions ReadListen(const std::string& listen, int instance, std::string* faults = nullptr) {
  ConfigTable file =
      ConfigTable::Parse("[rtp-packager]\ncontrol_listen = \"" + listen + "\"\n", "t.toml").value();
  CommonOptions options = LoadCommonOptions(file);
  options.instance = instance;
  ConfigTable table = file.Table("rtp-packager");
  ReadControlOptions(table, options);
  table.RejectUnknown();
  if (faults) *faults = FromAbsl(file.status().message());
  return options;
}

TEST(CommonOptionsTest, ListensByTlsOrInWordsByPlaintext) {
  EXPECT_EQ(ReadListen("tls://[2001:db8::1]:9564", 2).listen->GrpcTarget(),
            "ipv6:[2001:db8::1]:9584");
  EXPECT_EQ(ReadListen("plaintext://192.0.2.1:9564", 0).listen->kind,
            ControlEndpoint::Kind::kPlaintext);
  for (const auto& [listen, expected] :
       {std::pair("[::]:9564", "has to be asked for in words, \"plaintext://ADDRESS:PORT\""),
        std::pair("tls://sender:9564", "must be the address of the control leg"),
        std::pair("unix:/x", "must be the address of the control leg"),
        std::pair("tls://[::1]:65530", "port 65540, of this instance, is too high")}) {
    std::string faults;
    EXPECT_FALSE(ReadListen(listen, 1, &faults).listen);
    EXPECT_THAT(faults, HasSubstr(expected));
  }
}

TEST(CommonOptionsTest, KeysThatNeedARestartAreNamed) {
  const CommonOptions running = {.legs = {{.link = "lan", .interface = "eth0"}}};
  CommonOptions wanted = running;
  wanted.log_level = LogLevel::kDebug;
  EXPECT_THAT(RestartKeys(running, wanted), ::testing::IsEmpty());
  wanted.legs[0].interface = "eth1";
  wanted.http_address = "::1";
  wanted.listen = ControlEndpoint();
  EXPECT_THAT(RestartKeys(running, wanted),
              ::testing::ElementsAre("control_listen", "http_address", "legs"));
}

}  // namespace
}  // namespace headwater
