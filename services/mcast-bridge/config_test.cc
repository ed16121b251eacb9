#include "services/mcast-bridge/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"

namespace headwater::bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The site's own tables, as the other services read them.
constexpr char kSite[] = R"([directory-resolver]
ipv6_prefixes = ["2001:db8:d0be:f00d::/64"]
ipv6_ssm = true
another_key = 1
[[directory-resolver.ipv4_windows]]
groups = "239.192.0.0/16"
number = "0x80000000"
[mcast-bridge]
)";

absl::Status Read(const std::string& text, Options& options) {
  auto file = ConfigTable::Parse(kSite + text, "test.toml");
  if (!file.ok()) return file.status();
  CommonOptions common;
  common.legs = {{.link = "lan", .interface = "eth0"}, {.link = "wlan", .interface = "eth0.20"}};
  ConfigTable table = file->Table("mcast-bridge");
  options = ReadOptions(table, common);
  table.RejectUnknown();
  return file->status();
}
std::string ErrorOf(const std::string& text) {
  Options options;
  return std::string(FromAbsl(Read(text, options).message()));
}

TEST(ConfigTest, AnEmptyTableBridgesAndChangesNothing) {
  Options options;
  EXPECT_TRUE(Read("", options).ok());
  EXPECT_THAT(options.plan.rules, IsEmpty());
  EXPECT_THAT(options.plan.controls, IsEmpty());
  EXPECT_EQ(options.hygiene, HygieneOptions());
  EXPECT_EQ(options.mark, 0x40000000u);
}

TEST(ConfigTest, ReadsEveryKey) {
  Options options;
  const absl::Status status = Read(R"(smcrouted = "/usr/sbin/smcrouted"
mark = 0x100
cache_timeout = "30s"
check_period = "5s"
sender_links = ["lan"]
snooping_off = ["lan"]
forwarding = true
carve_routes = true
firewall_chains = ["inet filter forward"]
[[mcast-bridge.rules]]
name = "upnp"
groups = ["upnp"]
links = ["lan", "wlan"]
hops_min = 4
join = true
broadcast_ports = ["1900", "6969"]
[[mcast-bridge.rules]]
name = "casts"
groups = ["192.0.2.1@239.192.0.1"]
from = ["lan"]
to = ["wlan"]
same_interface = false
answer_ports = []
[[mcast-bridge.control]]
name = "sonos"
from = "wlan"
to = "lan"
hosts = ["192.0.2.5", "2001:db8::/64"]
ports = ["1400"]
callback_ports = ["3400-3500"]
)",
                                   options);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(options.smcrouted, "/usr/sbin/smcrouted");
  EXPECT_EQ(options.mark, 0x100u);
  EXPECT_EQ(options.cache_timeout, 30s);
  EXPECT_EQ(options.check_period, 5s);
  EXPECT_THAT(options.hygiene.snooping_off, ElementsAre("lan"));
  EXPECT_TRUE(options.hygiene.forwarding);
  EXPECT_TRUE(options.hygiene.carve_routes);
  EXPECT_THAT(options.hygiene.firewall_chains, ElementsAre("inet filter forward"));
  const Rule& upnp = options.plan.rules.at(0);
  EXPECT_TRUE(upnp.options.join);
  EXPECT_EQ(upnp.options.hops_min, 4);
  EXPECT_THAT(upnp.options.broadcast_ports, ElementsAre(1900, 6969));
  EXPECT_THAT(upnp.options.answer_ports, ElementsAre(1900, 6969));
  EXPECT_EQ(upnp.broadcast_group->ToString(), "239.255.255.250");
  EXPECT_EQ(options.plan.rules.at(1).options.groups.at(0).ToString(), "192.0.2.1@239.192.0.1");
  const ControlOptions& sonos = options.plan.controls.at(0);
  EXPECT_EQ(sonos.hosts.at(0).ToString(), "192.0.2.5/32");
  EXPECT_THAT(sonos.callback_ports, ElementsAre(PortRange{3400, 3500}));
}

std::string RuleError(const std::string& text) {
  return ErrorOf("[[mcast-bridge.rules]]\nname = \"a\"\nlinks = [\"lan\", \"wlan\"]\n" + text);
}

TEST(ConfigTest, FaultsNameTheRuleAndTheInput) {
  EXPECT_THAT(RuleError("groups = [\"224.0.0.251\"]"),
              AllOf(HasSubstr("rule \"a\""), HasSubstr("\"224.0.0.251\"")));
  EXPECT_THAT(RuleError("groups = [\"upnp\"]\nbroadcast_ports = [\"70000\"]"),
              HasSubstr("\"70000\" must be a port"));
  EXPECT_THAT(RuleError("groups = [\"upnp\"]\nbroadcast_ports = [\"1-2\"]"),
              HasSubstr("single ports"));
  EXPECT_THAT(RuleError("groups = [\"upnp\"]\nttl = 4"), HasSubstr("ttl"));
  EXPECT_THAT(ErrorOf("firewall_chains = [\"forward; flush ruleset\"]"),
              HasSubstr("must be family, table and chain"));
  EXPECT_THAT(ErrorOf("snooping_off = [\"dmz\"]"), HasSubstr("\"dmz\" is no link"));
  EXPECT_THAT(ErrorOf("mark = 0"), HasSubstr("mark"));
}

TEST(ConfigTest, HoldsGroupsAgainstTheNumberPlanOfTheSameFile) {
  EXPECT_THAT(
      RuleError("groups = [\"239.192.7.7\"]"),
      AllOf(HasSubstr("rule \"a\""), HasSubstr("239.192.0.0/16"), HasSubstr("arrive twice")));
  EXPECT_THAT(RuleError("groups = [\"ff35:40:2001:db8:d0be:f00d:8000:1\"]"),
              HasSubstr("arrive twice"));
  EXPECT_THAT(RuleError("groups = [\"239.193.7.7\"]"), IsEmpty());
  // No sender there.
  EXPECT_THAT(ErrorOf("sender_links = []\n[[mcast-bridge.rules]]\nname = \"a\"\n"
                      "links = [\"lan\", \"wlan\"]\ngroups = [\"239.192.7.7\"]"),
              IsEmpty());
}

}  // namespace
}  // namespace headwater::bridge
