#include "services/mcast-bridge/bridge_rules.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"
#include "services/common/plan/plan_text.h"
#include "services/mcast-bridge/smcroute_config.h"

namespace headwater::bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<GroupSpec> Groups(std::initializer_list<std::string_view> texts) {
  std::vector<GroupSpec> groups;
  for (const std::string_view text : texts) {
    const auto some = ParseGroups(text).value();
    groups.insert(groups.end(), some.begin(), some.end());
  }
  return groups;
}

Site ThreeLinks() {
  Site site{.links = {"lan", "wlan", "iot"}, .sender_links = {"lan"}};
  site.numbers.windows = {{.groups = *ParseAddressBlock("239.192.0.0/16")}};
  site.numbers.ipv6_prefixes = {*ParseAddressBlock("2001:db8:d0be:f00d::/64")};
  site.numbers.ipv6_ssm = true;
  return site;
}

std::vector<std::string> FaultsOf(const std::vector<RuleOptions>& rules,
                                  const Site& site = ThreeLinks()) {
  std::vector<RuleFault> faults;
  BuildPlan(rules, {}, site, faults);
  std::vector<std::string> texts;
  for (const RuleFault& fault : faults) texts.push_back(fault.key + ": " + fault.text);
  return texts;
}

Plan PlanOf(const std::vector<RuleOptions>& rules) {
  std::vector<RuleFault> faults;
  Plan plan = BuildPlan(rules, {}, ThreeLinks(), faults);
  EXPECT_THAT(faults, IsEmpty());
  return plan;
}

std::string GroupError(std::string_view text) {
  return std::string(FromAbsl(ParseGroups(text).status().message()));
}

TEST(ParseGroupsTest, KnowsNamesChannelsAndBlocks) {
  EXPECT_EQ(Groups({"upnp"}).at(0).ToString(), "239.255.255.250");
  EXPECT_EQ(Groups({"upnp"}).at(1).ToString(), "ff05::c");
  EXPECT_EQ(Groups({"sap"}).size(), 6u);
  EXPECT_EQ(Groups({"192.0.2.1@239.1.2.3"}).at(0).ToString(), "192.0.2.1@239.1.2.3");
  EXPECT_EQ(Groups({"ff05::1:0/112"}).at(0).ToString(), "ff05::1:0/112");
}

TEST(ParseGroupsTest, RefusesWhatNoRouterForwards) {
  EXPECT_THAT(GroupError("224.0.0.251"), HasSubstr("no router forwards"));
  EXPECT_THAT(GroupError("ff02::fb"), HasSubstr("no router forwards"));
  EXPECT_THAT(GroupError("224.0.0.0/8"), HasSubstr("no router forwards"));
  EXPECT_THAT(GroupError("ff00::/8"), HasSubstr("no router forwards"));
  EXPECT_THAT(GroupError("ff02::c"), HasSubstr("ff05::c"));
  EXPECT_THAT(GroupError("192.0.2.0/24"), HasSubstr("not a multicast group"));
  EXPECT_THAT(GroupError("0.0.0.0/0"), HasSubstr("not a multicast group"));
  EXPECT_FALSE(ParseGroups("nonsense").ok());
}

TEST(ParsePortsTest, TakesPortsAndRanges) {
  EXPECT_EQ(ParsePorts("1400").value(), (PortRange{1400, 1400}));
  EXPECT_EQ(ParsePorts("49152-49200").value(), (PortRange{49152, 49200}));
  for (const char* text : {"", "0", "65536", "9-8", "-", "1-", "http"}) {
    EXPECT_FALSE(ParsePorts(text).ok()) << text;
  }
}

TEST(BuildPlanTest, LinksAreBothWaysAndFromToIsOne) {
  const Plan both = PlanOf({{.name = "a", .groups = Groups({"upnp"}), .links = {"wlan", "iot"}}});
  EXPECT_THAT(both.rules.at(0).directions,
              ElementsAre(Direction{"iot", "wlan"}, Direction{"wlan", "iot"}));
  EXPECT_THAT(both.links, ElementsAre("iot", "wlan"));
  EXPECT_TRUE(both.rules.at(0).ssdp_v6);
  const Plan one = PlanOf(
      {{.name = "a", .groups = Groups({"239.1.2.3"}), .from = {"wlan", "lan"}, .to = {"lan"}}});
  EXPECT_THAT(one.rules.at(0).directions, ElementsAre(Direction{"wlan", "lan"}));
  EXPECT_FALSE(one.rules.at(0).ssdp_v6);
}

TEST(BuildPlanTest, SameInterfaceSendsBack) {
  const Plan plan = PlanOf(
      {{.name = "a", .groups = Groups({"239.1.2.3"}), .links = {"wlan"}, .same_interface = true}});
  EXPECT_THAT(plan.rules.at(0).directions, ElementsAre(Direction{"wlan", "wlan"}));
}

TEST(BuildPlanTest, RefusesAGroupOfTheNumberPlanWhereASenderIs) {
  for (const char* group :
       {"239.192.3.4", "239.128.0.0/9", "ff35:40:2001:db8:d0be:f00d:8000:1", "ff3e::8000:1"}) {
    EXPECT_THAT(FaultsOf({{.name = "radio", .groups = Groups({group}), .links = {"lan", "wlan"}}}),
                ElementsAre(AllOf(HasSubstr("rule \"radio\""), HasSubstr("number plan"),
                                  HasSubstr("link lan"), HasSubstr("arrive twice"))))
        << group;
    // Out of the sender's link it is welcome.
    EXPECT_THAT(
        FaultsOf(
            {{.name = "radio", .groups = Groups({group}), .from = {"lan"}, .to = {"wlan", "iot"}}}),
        IsEmpty());
  }
  EXPECT_THAT(FaultsOf({{.name = "other",
                         .groups = Groups({"239.193.0.0/16", "ff35:40:2001:db8:d0be:f00e:8000:1"}),
                         .links = {"lan", "wlan"}}}),
              IsEmpty());
}

TEST(BuildPlanTest, NamesTheRuleAndTheInput) {
  EXPECT_THAT(FaultsOf({{.name = "a", .links = {"lan", "wlan"}}}),
              ElementsAre(HasSubstr("groups: rule \"a\": needs groups")));
  EXPECT_THAT(FaultsOf({{.name = "a", .groups = Groups({"239.1.2.3"}), .links = {"lan", "dmz"}}}),
              ElementsAre(HasSubstr("\"dmz\" is no link of [legs] (lan, wlan, iot)")));
  EXPECT_THAT(FaultsOf({{.name = "a", .groups = Groups({"239.1.2.3"}), .links = {"lan"}}}),
              ElementsAre(HasSubstr("needs two links")));
  EXPECT_THAT(FaultsOf({{.name = "a",
                         .groups = Groups({"239.1.2.3"}),
                         .links = {"lan", "wlan"},
                         .to = {"iot"}}}),
              ElementsAre(HasSubstr("either links")));
  EXPECT_THAT(FaultsOf({{.name = "a",
                         .groups = Groups({"239.1.0.0/16"}),
                         .links = {"lan", "wlan"},
                         .join = true}}),
              ElementsAre(HasSubstr("cannot be joined")));
  EXPECT_THAT(FaultsOf({{.name = "a",
                         .groups = Groups({"ff05::1"}),
                         .links = {"lan", "wlan"},
                         .broadcast_ports = {1900}}}),
              ElementsAre(HasSubstr("broadcast_ports: rule \"a\": needs an IPv4 group")));
}

TEST(BuildPlanTest, RulesThatHideEachOtherAreRefused) {
  const RuleOptions block = {
      .name = "block", .groups = Groups({"239.1.0.0/16"}), .links = {"lan", "wlan"}};
  const RuleOptions one = {
      .name = "one", .groups = Groups({"239.1.2.3"}), .from = {"lan"}, .to = {"iot"}};
  EXPECT_THAT(FaultsOf({block, one}), ElementsAre(HasSubstr("overlaps 239.1.0.0/16 of rule")));
  const RuleOptions elsewhere = {
      .name = "one", .groups = Groups({"239.1.2.3"}), .from = {"iot"}, .to = {"lan"}};
  EXPECT_THAT(FaultsOf({block, elsewhere}), IsEmpty());
  EXPECT_THAT(FaultsOf({one, one}), ElementsAre(HasSubstr("two rules are called")));
}

TEST(BuildPlanTest, SaysClearlyThatThereAreTooManyInterfaces) {
  Site site;
  for (int i = 0; i < 32; ++i) site.links.push_back(fmt::format("vlan{}", i));
  RuleOptions rule = {.name = "a", .groups = Groups({"239.1.2.3"}), .links = site.links};
  EXPECT_THAT(FaultsOf({rule}, site),
              ElementsAre(AllOf(HasSubstr("32 links"), HasSubstr("at most 31 interfaces"))));
  rule.links.pop_back();
  EXPECT_THAT(FaultsOf({rule}, site), IsEmpty());
}

TEST(BuildPlanTest, ChecksControl) {
  std::vector<RuleFault> faults;
  BuildPlan({}, {{.name = "c", .from = "lan", .to = "lan"}}, ThreeLinks(), faults);
  ASSERT_EQ(faults.size(), 3u);
  EXPECT_THAT(faults[0].text, HasSubstr("control \"c\": the two links are the same"));
  EXPECT_THAT(faults[1].text, HasSubstr("needs devices"));
  EXPECT_THAT(faults[2].text, HasSubstr("needs ports"));
}

TEST(SmcrouteConfigTest, HasOneLineForEachLinkSourceAndGroup) {
  const Plan plan = PlanOf({{.name = "a",
                             .groups = Groups({"239.1.2.3", "192.0.2.1@239.1.2.3"}),
                             .links = {"lan", "wlan"},
                             .join = true},
                            {.name = "b",
                             .groups = Groups({"239.1.2.3", "ff05::1:0/112"}),
                             .from = {"lan"},
                             .to = {"iot"}}});
  const Interfaces all = {{"lan", "eth0"}, {"wlan", "eth0.20"}, {"iot", "br1"}};
  EXPECT_EQ(SmcrouteConfig(plan, all), R"(# Written by mcast-bridge; changes are lost.
phyint br1 enable
phyint eth0 enable
phyint eth0.20 enable
mgroup from eth0 group 239.1.2.3
mgroup from eth0 source 192.0.2.1 group 239.1.2.3
mgroup from eth0.20 group 239.1.2.3
mgroup from eth0.20 source 192.0.2.1 group 239.1.2.3
mroute from eth0 source 192.0.2.1 group 239.1.2.3 to eth0.20
mroute from eth0.20 source 192.0.2.1 group 239.1.2.3 to eth0
mroute from eth0 group 239.1.2.3 to br1 eth0.20
mroute from eth0 group ff05::1:0/112 to br1
mroute from eth0.20 group 239.1.2.3 to eth0
)");
  // Without IPv6 no line of it.
  EXPECT_EQ(SmcrouteConfig(plan, all, false).find("ff05"), std::string::npos);
  EXPECT_NE(SmcrouteConfig(plan, all, false).find("group 239.1.2.3 to br1"), std::string::npos);
  // What is away is left out.
  EXPECT_EQ(SmcrouteConfig(plan, {{"lan", "eth0"}, {"iot", "br1"}}),
            R"(# Written by mcast-bridge; changes are lost.
phyint br1 enable
phyint eth0 enable
mroute from eth0 group 239.1.2.3 to br1
mroute from eth0 group ff05::1:0/112 to br1
)");
}

}  // namespace
}  // namespace headwater::bridge
