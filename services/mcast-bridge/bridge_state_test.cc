#include "services/mcast-bridge/bridge_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Family = IpAddress::Family;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

// Both as a running kernel printed them.
constexpr std::string_view kCache4 =
    "Group    Origin   Iif     Pkts    Bytes    Wrong Oifs\n"
    "FAFFFFEF 020BA8C0 1         24    11988        0  0:1  \n"
    "FAFFFFEF 020AA8C0 0          3      387        2  1:1    2:1  \n"
    "090909EF 020AA8C0 -1         0        0        0\n";
constexpr std::string_view kCache6 =
    "Group                            Origin                           Iif      Pkts  Bytes     "
    "Wrong  Oifs\n"
    "ff05:0000:0000:0000:0000:0000:0000:000c 2001:0db8:d0be:f00d:0000:0000:0000:0002 0          2  "
    "    286        0  1:1  \n";
constexpr std::string_view kVifs =
    "Interface      BytesIn  PktsIn  BytesOut PktsOut Flags Local    Remote\n"
    " 0 lana            387       3      5994      12 00008 00000002 00000000\n"
    " 1 lanb           5994      12       387       3 00008 00000003 00000000\n";

TEST(KernelStateTest, ReadsTheCachesOfBothFamilies) {
  const auto four = ParseCache(kCache4, Family::kIpv4);
  ASSERT_EQ(four.size(), 3u);
  EXPECT_EQ(four[1], (CacheEntry{.group = Ip("239.255.255.250"),
                                 .source = Ip("192.168.10.2"),
                                 .from = 0,
                                 .to = {1, 2},
                                 .packets = 3,
                                 .bytes = 387,
                                 .wrong_interface = 2}));
  EXPECT_EQ(four[2].from, -1);
  const auto six = ParseCache(kCache6, Family::kIpv6);
  ASSERT_EQ(six.size(), 1u);
  EXPECT_EQ(six[0].group, Ip("ff05::c"));
  EXPECT_EQ(six[0].packets, 2u);
  EXPECT_THAT(ParseVirtualInterfaces(kVifs),
              ElementsAre(std::pair(0, "lana"), std::pair(1, "lanb")));
  for (const std::string_view text : {"", "\n", "head\nx y z\n", "head\nzz zz 0 0 0 0\n"}) {
    EXPECT_THAT(ParseCache(text, Family::kIpv4), IsEmpty());
  }
}

TEST(RouteTableTest, SumsOverEntriesThatComeAndGo) {
  const std::map<int, std::string> vifs = {{0, "eth0"}, {1, "wlan0"}};
  const std::map<std::string, std::string> links = {{"eth0", "lan"}, {"wlan0", "wlan"}};
  CacheEntry entry = {.group = Ip("239.1.2.3"),
                      .source = Ip("192.0.2.1"),
                      .from = 0,
                      .to = {1, 7},
                      .packets = 10,
                      .bytes = 100};
  const RouteKey key = {entry.group, entry.source, "lan"};
  RouteTable table;
  table.Update(Family::kIpv4, {entry}, vifs, links);
  entry.packets = 15;
  table.Update(Family::kIpv4, {entry}, vifs, links);
  EXPECT_EQ(table.routes().at(key).packets, 15u);
  EXPECT_THAT(table.routes().at(key).to, ElementsAre("wlan"));
  // The other family's cache says nothing of it.
  table.Update(Family::kIpv6, {}, vifs, links);
  EXPECT_TRUE(table.routes().at(key).present);
  table.Update(Family::kIpv4, {}, vifs, links);
  EXPECT_FALSE(table.routes().at(key).present);
  // Made anew, it begins at 0 again.
  entry.packets = 4;
  table.Update(Family::kIpv4, {entry}, vifs, links);
  EXPECT_EQ(table.routes().at(key).packets, 19u);
  // Replaced between two looks.
  entry.packets = 1;
  table.Update(Family::kIpv4, {entry}, vifs, links);
  EXPECT_EQ(table.routes().at(key).packets, 20u);
}

TEST(RouteTableTest, IsBounded) {
  RouteTable table;
  std::vector<CacheEntry> entries;
  for (uint32_t i = 0; i < kRoutesMax + 5; ++i) {
    entries.push_back({.group = Ip("239.1.2.3"), .source = IpAddress::V4(i + 1), .from = 0});
  }
  table.Update(Family::kIpv4, entries, {}, {});
  EXPECT_EQ(table.routes().size(), kRoutesMax);
  EXPECT_EQ(table.left_out(), 5u);
  // Those that are gone make room.
  entries.erase(entries.begin(), entries.begin() + 5);
  table.Update(Family::kIpv4, entries, {}, {});
  EXPECT_EQ(table.left_out(), 5u);
  EXPECT_TRUE(table.routes().contains({Ip("239.1.2.3"), IpAddress::V4(kRoutesMax + 5), ""}));
}

TEST(CounterSumsTest, GoOnOverRulesetsAndResets) {
  const CounterMeaning meaning = {CounterMeaning::Kind::kPackets, "upnp", "lan", "wlan"};
  std::map<CounterMeaning, uint64_t> sums;
  CounterSums counter;
  counter.Update({{"p0_0", meaning}}, {{"p0_0", {5, 0}}, {"unknown", {9, 0}}}, sums);
  counter.Update({{"p0_0", meaning}}, {{"p0_0", {8, 0}}}, sums);
  EXPECT_EQ(sums.at(meaning), 8u);
  counter.BeginAnew();
  counter.Update({{"p0_1", meaning}}, {{"p0_1", {3, 0}}}, sums);
  counter.Update({{"p0_1", meaning}}, {{"p0_1", {1, 0}}}, sums);
  EXPECT_EQ(sums.at(meaning), 12u);
}

TEST(SmcrouteWordsTest, SayWhatHelps) {
  const auto text = [](std::string_view line) { return ParseSmcrouteLine(line).value().text; };
  const auto kind = [](std::string_view line) { return ParseSmcrouteLine(line).value().kind; };
  EXPECT_THAT(text("smcroute[17944]: IPv4 multicast routing API already in use: Address already in "
                   "use"),
              AllOf(testing::StartsWith("IPv4 multicast routing API"), HasSubstr("end it")));
  EXPECT_EQ(kind("smcroute[1]: failed adding IPv4 multicast route (192.0.2.1,239.1.2.3): Invalid "
                 "argument"),
            "add_route");
  EXPECT_THAT(text("smcroute[1]: failed adding IPv4 multicast route (192.0.2.1,239.1.2.3): Invalid "
                   "argument"),
              HasSubstr("MRT_ADD_MFC"));
  EXPECT_EQ(kind("smcroute[1]: x.conf line 3: mroute: inbound lana is not a known phyint"),
            "interface");
  EXPECT_EQ(kind("smcroute[1]: Need root privileges to start smcrouted"), "kernel");
  EXPECT_EQ(kind("smcroute[1]: Failed reading IGMP message from kernel: x"), "other");
  EXPECT_FALSE(ParseSmcrouteLine("smcroute[1]: SMCRoute v2.5.6"));
  EXPECT_FALSE(
      ParseSmcrouteLine("smcroute[1]: Ready, waiting for client request or kernel event."));
  EXPECT_FALSE(ParseSmcrouteLine(""));
}

TEST(SmcrouteStateTest, KeepsTheNewestComplaintsOnceEach) {
  SmcrouteState state;
  state.Complain({"exit", "first"}, absl::FromUnixSeconds(1));
  for (int i = 0; i < 40; ++i) {
    state.Complain({"other", std::to_string(i)}, absl::FromUnixSeconds(2));
  }
  state.Complain({"other", "39"}, absl::FromUnixSeconds(3));
  EXPECT_EQ(state.complaints.size(), SmcrouteState::kComplaintsMax);
  EXPECT_EQ(state.complaints.back().count, 2u);
  EXPECT_EQ(state.complaints_total.at("other"), 41u);
}

BridgeState Upnp() {
  BridgeState state;
  std::vector<RuleFault> faults;
  state.plan = BuildPlan(
      {{.name = "upnp", .groups = ParseGroups("upnp").value(), .links = {"lan", "wlan", "iot"}}},
      {}, {.links = {"lan", "wlan", "iot"}}, faults);
  state.links_up = {"lan", "wlan", "iot"};
  state.smcroute = {.running = true, .ipv4 = true, .ipv6 = true};
  return state;
}

TEST(RuleStatusTest, SaysWhatIsMissing) {
  BridgeState state = Upnp();
  const auto status = [&] { return state.StatusOf(state.plan.rules.at(0)); };
  EXPECT_EQ(status(), (RuleStatus{RuleState::kActive, ""}));
  state.links_up = {"lan", "wlan"};
  EXPECT_EQ(status(), (RuleStatus{RuleState::kPartial, "link iot is away"}));
  state.links_up = {"lan"};
  EXPECT_EQ(status().state, RuleState::kDown);
  state = Upnp();
  state.smcroute.ipv4 = false;
  EXPECT_EQ(status(), (RuleStatus{RuleState::kPartial, "IPv4 multicast routing is not ours"}));
  state.smcroute.running = false;
  EXPECT_EQ(status().state, RuleState::kDown);
}

TEST(BridgeStateTest, ARouteBelongsToTheRuleOfItsLinkAndGroup) {
  const BridgeState state = Upnp();
  EXPECT_EQ(state.RuleOf({Ip("239.255.255.250"), Ip("192.0.2.1"), "lan"}), "upnp");
  EXPECT_EQ(state.RuleOf({Ip("239.255.255.250"), Ip("192.0.2.1"), ""}), "");
  EXPECT_EQ(state.RuleOf({Ip("239.1.1.1"), Ip("192.0.2.1"), "lan"}), "");
}

}  // namespace
}  // namespace headwater::bridge
