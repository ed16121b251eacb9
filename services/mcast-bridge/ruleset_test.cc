#include "services/mcast-bridge/ruleset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/plan/plan_text.h"

namespace headwater::bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using Kind = CounterMeaning::Kind;

const Interfaces kInterfaces = {{"lan", "eth0"}, {"wlan", "wlan0"}};

Plan UpnpPlan() {
  RuleOptions upnp = {.name = "upnp",
                      .groups = ParseGroups("upnp").value(),
                      .from = {"wlan"},
                      .to = {"lan"},
                      .hops_min = 4,
                      .broadcast_ports = {1900, 6969},
                      .answer_ports = {1900, 6969}};
  ControlOptions sonos = {.name = "sonos",
                          .from = "wlan",
                          .to = "lan",
                          .hosts = {*ParseAddressBlock("192.0.2.5/32")},
                          .ports = {{1400, 1400}, {49152, 49200}},
                          .callback_ports = {{3400, 3500}}};
  std::vector<RuleFault> faults;
  Plan plan = BuildPlan({upnp}, {sonos}, {.links = {"lan", "wlan"}}, faults);
  EXPECT_TRUE(faults.empty());
  return plan;
}

TEST(RulesetTest, IsOneTransactionForOneTable) {
  const std::string text = BuildRuleset(UpnpPlan(), kInterfaces, "hw", 0x40000000).text;
  EXPECT_TRUE(text.starts_with("table inet hw\ndelete table inet hw\ntable inet hw {\n")) << text;
  EXPECT_THAT(text, Not(HasSubstr("drop")));
  EXPECT_EQ(text, BuildRuleset(UpnpPlan(), kInterfaces, "hw", 0x40000000).text);
}

TEST(RulesetTest, TurnsBroadcastAndLinkLocalSearchesIntoMulticast) {
  const std::string text = BuildRuleset(UpnpPlan(), kInterfaces, "hw", 0x40000000).text;
  EXPECT_THAT(text, HasSubstr("iifname { \"wlan0\" } meta nfproto ipv4 fib daddr . iif type "
                              "broadcast udp dport { 1900, 6969 } ip daddr set 239.255.255.250\n"));
  EXPECT_THAT(text, HasSubstr("ip6 daddr ff02::c udp dport 1900 ip6 saddr != fe80::/10 ip6 daddr "
                              "set ff05::c\n"));
  EXPECT_THAT(text, HasSubstr("ip daddr { 239.255.255.250 } meta l4proto udp ip ttl < 4 ip ttl "
                              "set 4\n"));
  EXPECT_THAT(text, HasSubstr("meta l4proto udp ip6 hoplimit < 4 ip6 hoplimit set 4\n"));
}

TEST(RulesetTest, RemembersSearchersAndMarksWhatMayCross) {
  const std::string text = BuildRuleset(UpnpPlan(), kInterfaces, "hw", 0x40000000).text;
  // Any datagram to 6969 waits for answers, to 1900 a search alone.
  EXPECT_THAT(text, HasSubstr("ip daddr { 239.255.255.250 } udp dport 1900 @th,64,64 "
                              "0x4d2d534541524348 update @answers4 { ip saddr . udp sport }\n"));
  EXPECT_THAT(text, HasSubstr("ip daddr { 239.255.255.250 } udp dport 6969 update @answers4"));
  EXPECT_THAT(text, HasSubstr("ip daddr { 239.255.255.250 } counter name p0_0 meta mark set meta "
                              "mark | 0x40000000 accept\n"));
  EXPECT_THAT(text, HasSubstr("ip daddr . udp dport @answers4 counter name a0_0 meta mark set"));
  EXPECT_THAT(text, HasSubstr("{ \"eth0\" . \"wlan0\" : jump pair0, \"wlan0\" . \"eth0\" : jump "
                              "pair1 }"));
}

TEST(RulesetTest, ControlGoesOneWayAndCallbacksTheOther) {
  const std::string text = BuildRuleset(UpnpPlan(), kInterfaces, "hw", 1).text;
  const size_t back = text.find("chain pair0"), forth = text.find("chain pair1");
  EXPECT_THAT(text.substr(forth), HasSubstr("ip daddr { 192.0.2.5 } tcp dport { 1400, 49152-49200 "
                                            "} meta mark set meta mark | 0x1 accept\n"));
  EXPECT_THAT(text.substr(back, forth - back),
              HasSubstr("ip saddr { 192.0.2.5 } tcp dport { 3400-3500 }"));
}

TEST(RulesetTest, ASourceIsMatchedWithItsGroup) {
  RuleOptions rule = {.name = "ssm",
                      .groups = ParseGroups("2001:db8::1@ff3e::4000:1").value(),
                      .from = {"lan"},
                      .to = {"wlan"}};
  std::vector<RuleFault> faults;
  const Plan plan = BuildPlan({rule}, {}, {.links = {"lan", "wlan"}}, faults);
  EXPECT_THAT(BuildRuleset(plan, kInterfaces, "hw", 1).text,
              HasSubstr("ip6 saddr 2001:db8::1 ip6 daddr ff3e::4000:1 counter name p0_0"));
}

TEST(RulesetTest, CountersHaveMeanings) {
  const auto counters = BuildRuleset(UpnpPlan(), kInterfaces, "hw", 1).counters;
  EXPECT_THAT(counters,
              ElementsAre(Pair("a0_0", CounterMeaning{Kind::kAnswers, "upnp", "wlan", "lan"}),
                          Pair("l0", CounterMeaning{Kind::kLinkLocalSource, "", "wlan", ""}),
                          Pair("p0_0", CounterMeaning{Kind::kPackets, "upnp", "wlan", "lan"}),
                          Pair("t0", CounterMeaning{Kind::kTtl, "", "wlan", ""})));
}

TEST(ParseCountersTest, ReadsWhatNftPrints) {
  EXPECT_THAT(ParseCounters("table inet hw {\n\tcounter p0_0 {\n\t\tpackets 12 bytes 5994\n\t}\n"
                            "\n\tcounter a0_0 {\n\t\tpackets 0 bytes 0\n\t}\n"
                            "\tcounter bad {\n\t\tpackets x bytes 0\n\t}\n}\n"),
              ElementsAre(Pair("a0_0", CounterValue{0, 0}), Pair("p0_0", CounterValue{12, 5994})));
  EXPECT_TRUE(ParseCounters("").empty());
}

}  // namespace
}  // namespace headwater::bridge
