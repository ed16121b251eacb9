#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "services/common/base/check.h"
#include "services/common/time/clock.h"
#include "services/mdns-zone-proxy/config.h"
#include "services/mdns-zone-proxy/zone_convert.h"
#include "services/mdns-zone-proxy/zone_proxy_shell.h"

namespace headwater::zone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kZones = "[zones.iot]\n[zones.trusted]\nbus = \"system\"\n";

std::string RuleText(const std::string& more) {
  return std::string(kZones) +
         "[[mdns-zone-proxy.rules]]\nname = \"r\"\nfrom = \"iot\"\nto = \"trusted\"\n"
         "action = \"allow\"\n" +
         more;
}

TEST(ConfigTest, RulesAreReadInTheirOrder) {
  const auto rules = RulesFromText(
      RuleText("types = [\"_IPP._tcp\", \"_universal._sub._ipp._tcp\"]\nnames = [\"Office*\"]\n"
               "families = [\"ipv6\"]\nnft_set = \"inet filter printers\"\n"
               "[[mdns-zone-proxy.rules]]\nname = \"no\"\nfrom = \"*\"\nto = \"*\"\n"
               "action = \"deny\"\n"),
      "t.toml");
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_EQ(rules->size(), 2u);
  const Rule& rule = (*rules)[0];
  EXPECT_THAT(rule.types, ElementsAre("_ipp._tcp", "_universal._sub._ipp._tcp"));
  EXPECT_TRUE(rule.allow && rule.ipv6 && !rule.ipv4);
  EXPECT_EQ(rule.nft_set, (NftSet{"inet", "filter", "printers"}));
  EXPECT_FALSE((*rules)[1].allow);
}

TEST(ConfigTest, AFaultNamesFileTableKeyAndValue) {
  const std::pair<std::string, const char*> cases[] = {
      {RuleText("types = [\"ipp\"]\n"), "\"ipp\" is neither a type"},
      {RuleText("types = [\"_*._sub._ipp._tcp\"]\n"), "subtype in full"},
      {RuleText("families = [\"ipx\"]\n"), "\"ipv4\" and \"ipv6\""},
      {RuleText("nft_set = \"inet filter\"\n"), "\"inet filter\" is not family"},
      {RuleText("nft_set = \"inet filter a;flush\"\n"), "is not family"},
      {RuleText("nmaes = [\"x\"]\n"), "nmaes"},
      {RuleText("[[mdns-zone-proxy.rules]]\nname = \"r\"\nfrom = \"lan\"\nto = \"iot\"\n"
                "action = \"drop\"\n"),
       "\"lan\" is no zone; there are iot, trusted"},
      {RuleText("[[mdns-zone-proxy.rules]]\nname = \"r\"\nfrom = \"*\"\nto = \"iot\"\n"
                "action = \"drop\"\n"),
       "\"drop\" is neither"},
      {RuleText("[[mdns-zone-proxy.rules]]\nname = \"r\"\nfrom = \"*\"\nto = \"iot\"\n"
                "action = \"deny\"\n"),
       "two rules are called \"r\""},
      {"[zones.IoT]\n", "a zone's name is"},
      {"[zones.iot]\nbus = \"relative\"\n", "\"relative\" is neither \"system\""},
  };
  for (const auto& [text, expected] : cases) {
    const auto rules = RulesFromText(text, "t.toml");
    EXPECT_THAT(std::string(rules.status().message()), HasSubstr(expected)) << text;
    EXPECT_THAT(std::string(rules.status().message()), HasSubstr("t.toml:")) << text;
  }
}

TEST(ConfigTest, TheBusOfAZoneIsInTheRunFolderUnlessItIsSaid) {
  ConfigTable file = ConfigTable::Parse("run_dir = \"/r\"\n" + std::string(kZones), "t").value();
  const CommonOptions common = LoadCommonOptions(file);
  EXPECT_THAT(common.zones, ElementsAre(ZoneConfig{"iot", "/r/zones/iot/bus"},
                                        ZoneConfig{"trusted", "/run/dbus/system_bus_socket"}));
}

// A socket that takes connections and never says a word, as a stopped dbus-daemon does.
class SilentBus {
 public:
  SilentBus() : path_(testing::TempDir() + "/silent-" + std::to_string(getpid())) {
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    unlink(path_.c_str());
    HW_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    HW_CHECK(listen(fd_, 8) == 0);
  }
  ~SilentBus() {
    close(fd_);
    unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_;
};

TEST(ZoneProxyShellTest, ABusThatHangsOrIsNotThereBlocksNothing) {
  const SilentBus silent;
  EventLoop loop;
  Logger log(LogLevel::kError, [](auto...) {});
  Options options;
  options.zones = {{"gone", testing::TempDir() + "/no-such-bus"}, {"silent", silent.path()}};
  auto proxy = ZoneProxyShell::Open(loop, log, options);
  ASSERT_TRUE(proxy.ok());
  const MonoTime begin = MonoNow();
  (*proxy)->Start();
  EXPECT_LT(MonoNow() - begin, 1s);
  int turns = 0;
  std::function<void()> turn = [&] {
    if (++turns == 50) return loop.Stop();
    loop.At(loop.now() + 10ms, [&] { turn(); });
  };
  turn();
  loop.Run();
  EXPECT_EQ(turns, 50);
  const v1::Zone gone = ZoneToProto(**proxy, 0);
  EXPECT_EQ(gone.state(), v1::ZONE_STATE_NO_BUS);
  EXPECT_THAT(gone.error(), HasSubstr("No such file"));
  EXPECT_TRUE(gone.has_retry());
  EXPECT_EQ(ZoneToProto(**proxy, 1).state(), v1::ZONE_STATE_NO_BUS);
  (*proxy)->Stop();
  EXPECT_LT(MonoNow() - begin, 5s);
}

TEST(ZoneProxyShellTest, ARuleThatFillsAFirewallNeedsThePrivilege) {
  if (HasNetAdmin()) return;  // root runs this in the lab as well, where the set is really filled
  EventLoop loop;
  Logger log(LogLevel::kError, [](auto...) {});
  Options options;
  options.rules = {{.name = "printers", .nft_set = {"inet", "filter", "printers"}}};
  EXPECT_THAT(std::string(ZoneProxyShell::Open(loop, log, options).status().message()),
              HasSubstr("\"printers\": nft_set needs CAP_NET_ADMIN"));
}

}  // namespace
}  // namespace headwater::zone
