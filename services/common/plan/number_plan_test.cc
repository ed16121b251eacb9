#include "services/common/plan/number_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/plan/plan_text.h"

namespace headwater {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

IpAddress Address(std::string_view text) { return *IpAddress::Parse(text); }
AddressBlock Block(std::string_view text) { return *ParseAddressBlock(text); }
bool Nobody(const IpAddress&) { return false; }

// A plan with a row of each kind.
PlanConfig DesignConfig() {
  PlanConfig config;
  config.ipv6_prefixes = {Block("2001:db8:d0be:f00d::/64")};
  config.ipv6_ssm = true;
  config.directories = {{.name = "radio"},
                        {.name = "more"},
                        {.name = "dvb", .kind = StationKind::kDvb},
                        {.name = "test", .kind = StationKind::kTest}};
  config.prefixes = {{0x80000000, 4, "radio"},
                     {0x90000000, 4, "more"},
                     {0xC0000000, 2, "dvb"},
                     {kTestToneNumber, 32, "test"}};
  config.windows = {{Block("239.192.0.0/16"), 0x80000000}};
  config.bindings = {{Address("239.255.0.1"), kTestToneNumber}};
  return config;
}

NumberPlan Plan(PlanConfig config = DesignConfig()) {
  auto plan = NumberPlan::Build(std::move(config));
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

std::string ErrorOf(PlanConfig config) {
  return std::string(NumberPlan::Build(std::move(config)).status().message());
}

std::string Found(const NumberPlan& plan, std::string_view channel) {
  const auto match = plan.Find(*ParseChannel(channel), [](const IpAddress& address) {
    return address == Address("2001:db8::1") || address == Address("192.0.2.1");
  });
  return match ? NumberText(match->number) + " " + match->directory : "not ours";
}

TEST(NumberPlanTest, MapsIpv6GroupsByPrefix) {
  const NumberPlan plan = Plan();
  EXPECT_EQ(Found(plan, "ff3e:40:2001:db8:d0be:f00d:8000:0"), "0x80000000 radio");
  EXPECT_EQ(Found(plan, "ff38:40:2001:db8:d0be:f00d:9000:1"), "0x90000001 more");
  EXPECT_EQ(Found(plan, "ff35:40:2001:db8:d0be:f00d:cb5a:1041"), "0xcb5a1041 dvb");
  EXPECT_EQ(Found(plan, "ff3e:40:2001:db8:d0be:f00d:d0be:f00d"), "0xd0bef00d test");
}

TEST(NumberPlanTest, LeavesOtherGroupsAlone) {
  const NumberPlan plan = Plan();
  for (const char* other :
       {"ff02::fb", "ff05::c", "ff0e::8000:1",  // well-known and unprefixed groups
        "ff3e:40:2001:db8:d0be:f00e:8000:0",    // another site
        "ff3e:30:2001:db8:d0be:f00d:8000:0",    // another prefix length
        "ff3e:140:2001:db8:d0be:f00d:8000:0",   // reserved byte set
        "ff3d:40:2001:db8:d0be:f00d:8000:0",    // a scope that is not in the plan
        "ff7e:40:2001:db8:d0be:f00d:8000:0",    // embedded RP (RFC 3956)
        "ff3e:40:2001:db8:d0be:f00d:0:1",       // top bit clear
        "ff3e:40:2001:db8:d0be:f00d:a000:1",    // a number of no directory
        "239.193.0.1", "224.0.0.251", "239.255.255.250"}) {
    EXPECT_EQ(Found(plan, other), "not ours") << other;
  }
}

TEST(NumberPlanTest, TakesTheSsmFormOnlyWithASourceOfOurs) {
  NumberPlan plan = Plan();
  EXPECT_EQ(Found(plan, "ff3e::8000:1"), "not ours");
  EXPECT_EQ(Found(plan, "ff3e::8000:1@2001:db8::1"), "0x80000001 radio");
  EXPECT_EQ(Found(plan, "ff3e::8000:1@2001:db8::2"), "not ours");
  EXPECT_EQ(plan.FindGroup(Address("ff3e::8000:1"))->number, 0x80000001u);
  PlanConfig without = DesignConfig();
  without.ipv6_ssm = false;
  EXPECT_EQ(Found(Plan(without), "ff3e::8000:1@2001:db8::1"), "not ours");
}

TEST(NumberPlanTest, ASourceFilterOnAnOrdinaryGroupMustNameUs) {
  const NumberPlan plan = Plan();
  EXPECT_EQ(Found(plan, "ff3e:40:2001:db8:d0be:f00d:8000:0@2001:db8::1"), "0x80000000 radio");
  EXPECT_EQ(Found(plan, "ff3e:40:2001:db8:d0be:f00d:8000:0@2001:db8::2"), "not ours");
}

TEST(NumberPlanTest, AsksWhoseSourceItIsForOurGroupsOnly) {
  const NumberPlan plan = Plan();
  int asked = 0;
  const auto count = [&](const IpAddress&) { return ++asked > 0; };
  EXPECT_EQ(plan.Find(*ParseChannel("ff3e::4000:1@2001:db8::1"), count), std::nullopt);
  EXPECT_EQ(asked, 0);
  EXPECT_NE(plan.Find(*ParseChannel("ff3e::8000:1@2001:db8::1"), count), std::nullopt);
  EXPECT_EQ(asked, 1);
}

TEST(NumberPlanTest, MapsWindowsAndBindings) {
  const NumberPlan plan = Plan();
  EXPECT_EQ(Found(plan, "239.192.0.0"), "0x80000000 radio");
  EXPECT_EQ(Found(plan, "239.192.1.2"), "0x80000102 radio");
  EXPECT_EQ(Found(plan, "239.255.0.1"), "0xd0bef00d test");
  EXPECT_EQ(plan.GroupV4(0x80000102), Address("239.192.1.2"));
  EXPECT_EQ(plan.GroupV4(kTestToneNumber), Address("239.255.0.1"));
  EXPECT_EQ(plan.GroupV4(0x80010000), std::nullopt);
}

TEST(NumberPlanTest, AWindowIn232IsSsm) {
  PlanConfig config = DesignConfig();
  config.windows.push_back({Block("232.4.0.0/16"), 0x90000000});
  const NumberPlan plan = Plan(config);
  EXPECT_EQ(Found(plan, "232.4.0.7"), "not ours");
  EXPECT_EQ(Found(plan, "232.4.0.7@192.0.2.1"), "0x90000007 more");
  EXPECT_EQ(Found(plan, "232.4.0.7@192.0.2.9"), "not ours");
}

TEST(NumberPlanTest, AcceptsUnicastPrefixBasedIpv4Windows) {
  PlanConfig config = DesignConfig();
  config.windows = {{Block("234.192.168.0/24"), 0x80000000}};  // RFC 6034 for 192.168/16
  EXPECT_EQ(Found(Plan(config), "234.192.168.5"), "0x80000005 radio");
}

TEST(NumberPlanTest, TakesShorterSitePrefixes) {
  PlanConfig config = DesignConfig();
  config.ipv6_prefixes = {Block("2001:db8::/32"), Block("2001:db8:d0be:f00d::/64")};
  const NumberPlan plan = Plan(config);
  EXPECT_EQ(Found(plan, "ff3e:20:2001:db8::8000:1"), "0x80000001 radio");
  EXPECT_EQ(Found(plan, "ff3e:40:2001:db8:d0be:f00d:8000:1"), "0x80000001 radio");
  // RFC 3306 section 4: bits after the prefix length are 0.
  EXPECT_EQ(Found(plan, "ff3e:20:2001:db8:0:1:8000:1"), "not ours");
  EXPECT_EQ(plan.GroupV6(0x80000001), Address("ff3e:20:2001:db8::8000:1"));
  EXPECT_EQ(plan.GroupV6(0x80000001, {.prefix = 1}), Address("ff3e:40:2001:db8:d0be:f00d:8000:1"));
  EXPECT_EQ(plan.GroupV6(0x80000001, {.prefix = 2}), std::nullopt);
}

TEST(NumberPlanTest, MakesIpv6Groups) {
  const NumberPlan plan = Plan();
  EXPECT_EQ(plan.GroupV6(0x80000000), Address("ff3e:40:2001:db8:d0be:f00d:8000:0"));
  EXPECT_EQ(plan.GroupV6(0x80000000, {.scope = 5}), Address("ff35:40:2001:db8:d0be:f00d:8000:0"));
  EXPECT_EQ(plan.GroupV6(0x80000000, {.scope = 4}), std::nullopt);
  EXPECT_EQ(plan.GroupV6(0x80000000, {.ssm = true}), Address("ff3e::8000:0"));
  EXPECT_EQ(plan.GroupV6(0x00000001), std::nullopt);
}

TEST(NumberPlanTest, TheLongestPrefixWins) {
  PlanConfig config = DesignConfig();
  config.directories.push_back({.name = "jazz"});
  config.prefixes.push_back({0x80010000, 16, "jazz"});
  const NumberPlan plan = Plan(config);
  EXPECT_EQ(plan.DirectoryOf(0x8000ffff)->name, "radio");
  EXPECT_EQ(plan.DirectoryOf(0x80010000)->name, "jazz");
  EXPECT_EQ(plan.DirectoryOf(0x80020000)->name, "radio");
  EXPECT_EQ(plan.DirectoryOf(0xffffffff)->name, "dvb");
  EXPECT_EQ(plan.DirectoryOf(0xb0000000), nullptr);
}

TEST(NumberPlanTest, ReportsStationsThatAPrefixTookAway) {
  PlanConfig config = DesignConfig();
  config.prefixes.push_back({0x80000007, 32, "test"});
  const NumberPlan plan = Plan(config);
  const std::vector<AssignedNumber> assigned = {
      {0x80000006, "radio"}, {0x80000007, "radio"}, {0xb0000000, "gone"}};
  EXPECT_THAT(plan.Shadowed(assigned),
              ElementsAre("number 0x80000007 is assigned to a station of directory radio, but "
                          "prefix 0x80000007/32 gives it to directory test",
                          "number 0xb0000000 of directory gone is in no prefix of the plan"));
}

TEST(NumberPlanTest, RefusesBadPrefixes) {
  const auto error = [](NumberPrefix row) {
    PlanConfig config = DesignConfig();
    config.prefixes.push_back(std::move(row));
    return ErrorOf(config);
  };
  EXPECT_THAT(error({0x80000001, 4, "radio"}),
              HasSubstr("number prefix 0x80000001/4: bits after the length are not 0"));
  EXPECT_THAT(error({0x40000000, 4, "radio"}), HasSubstr("below 0x80000000"));
  EXPECT_THAT(error({0x80000000, 0, "radio"}), HasSubstr("1..32"));
  EXPECT_THAT(error({0x80000000, 33, "radio"}), HasSubstr("1..32"));
  EXPECT_THAT(error({0xa0000000, 4, "nope"}), HasSubstr("no directory is named \"nope\""));
  EXPECT_THAT(error({0x80000000, 4, "more"}),
              HasSubstr("given to directory radio and to directory more"));
}

TEST(NumberPlanTest, RefusesBadWindows) {
  const auto error = [](std::string_view groups, uint32_t number) {
    PlanConfig config = DesignConfig();
    config.windows.push_back({Block(groups), number});
    return ErrorOf(config);
  };
  EXPECT_THAT(error("10.0.0.0/16", 0x80000000), HasSubstr("224.0.0.0/4"));
  EXPECT_THAT(error("ff3e::/96", 0x80000000), HasSubstr("224.0.0.0/4"));
  EXPECT_THAT(error("239.193.0.1/16", 0x80000000), HasSubstr("bits after the length"));
  EXPECT_THAT(error("239.193.0.0/16", 0x80000001), HasSubstr("must end in 16 bits of 0"));
  EXPECT_THAT(error("239.193.0.0/16", 0x10000000), HasSubstr("below 0x80000000"));
  EXPECT_THAT(error("239.192.7.0/24", 0x80000000),
              HasSubstr("windows 239.192.0.0/16 and 239.192.7.0/24 overlap"));
  EXPECT_THAT(error("224.0.0.0/8", 0x80000000), HasSubstr("224.0.0.0/24"));
  EXPECT_THAT(error("224.0.0.8/32", 0x80000000), HasSubstr("224.0.0.0/24"));
  EXPECT_THAT(error("232.0.0.0/7", 0x80000000), HasSubstr("mixes the SSM range"));
}

TEST(NumberPlanTest, RefusesOtherMistakes) {
  PlanConfig config = DesignConfig();
  config.ipv6_prefixes = {Block("2001:db8::/65")};
  EXPECT_THAT(ErrorOf(config), HasSubstr("length must be 1..64"));
  config.ipv6_prefixes = {Block("2001:db8::1/64")};
  EXPECT_THAT(ErrorOf(config), HasSubstr("bits after the length"));
  config.ipv6_prefixes = {Block("2001:db8::/64"), Block("2001:db8::/64")};
  EXPECT_THAT(ErrorOf(config), HasSubstr("there twice"));
  config = DesignConfig();
  config.ipv6_scopes = {15};
  EXPECT_THAT(ErrorOf(config), HasSubstr("scope 15"));
  config = DesignConfig();
  config.bindings.push_back({Address("239.255.0.1"), 0x80000001});
  EXPECT_THAT(ErrorOf(config), HasSubstr("binding 239.255.0.1 is there twice"));
  config.bindings = {{Address("224.0.0.1"), 0x80000001}};
  EXPECT_THAT(ErrorOf(config), HasSubstr("not a group that can be served"));
  config = DesignConfig();
  config.directories.push_back({.name = "radio"});
  EXPECT_THAT(ErrorOf(config), HasSubstr("directory radio is there twice"));
}

TEST(NumberPlanTest, ReportsGroupsThatShareAnEthernetAddress) {
  EXPECT_THAT(Plan().warnings(), IsEmpty());
  PlanConfig config = DesignConfig();
  config.windows.push_back(
      {Block("238.64.4.0/24"), 0x90000000});  // 239.192.4.0/24 but for the bits that Ethernet drops
  EXPECT_THAT(Plan(config).warnings(),
              ElementsAre(HasSubstr(
                  "window 239.192.0.0/16 and window 238.64.4.0/24 share Ethernet addresses")));
  config = DesignConfig();
  config.bindings.push_back({Address("239.128.0.251"), 0x80000001});  // mDNS's Ethernet address
  EXPECT_THAT(Plan(config).warnings(),
              ElementsAre(HasSubstr("224.0.0.0/24 (which switches flood everywhere)")));
  config = DesignConfig();
  config.bindings.push_back({Address("ff05::8000:7"), 0x80000001});
  EXPECT_THAT(Plan(config).warnings(),
              ElementsAre(HasSubstr("with the group of number 0x80000007")));
}

TEST(NumberPlanTest, ReportsABindingInsideAWindowAndKeepsTheGroupForIt) {
  PlanConfig config = DesignConfig();
  config.bindings.push_back({Address("239.192.0.9"), 0x90000001});
  const NumberPlan plan = Plan(config);
  EXPECT_THAT(plan.warnings(),
              ElementsAre(HasSubstr("takes a group out of window 239.192.0.0/16")));
  EXPECT_EQ(Found(plan, "239.192.0.9"), "0x90000001 more");
  EXPECT_EQ(plan.GroupV4(0x80000009), std::nullopt);
}

TEST(NumberPlanTest, AnIpv6GroupBoundToAnotherNumberStandsForThatAlone) {
  PlanConfig config = DesignConfig();
  const IpAddress group = Address("ff3e:40:2001:db8:d0be:f00d:8000:9");
  config.bindings.push_back({group, 0x90000001});
  const NumberPlan plan = Plan(config);
  EXPECT_EQ(plan.GroupV6(0x90000001), group);
  EXPECT_EQ(plan.GroupV6(0x80000009), std::nullopt);
  EXPECT_EQ(plan.GroupV6(0x80000009, {.scope = 5}), Address("ff35:40:2001:db8:d0be:f00d:8000:9"));
}

TEST(NumberPlanTest, GroupsAndNumbersAreInverse) {
  const NumberPlan plan = Plan();
  for (const uint32_t number :
       {0x80000000u, 0x8000ffffu, 0x9fffffffu, 0xc0000000u, 0xffffffffu, kTestToneNumber}) {
    for (const uint8_t scope : plan.scopes()) {
      const auto group = plan.GroupV6(number, {.scope = scope});
      ASSERT_TRUE(group);
      EXPECT_EQ(plan.Find({*group, std::nullopt}, Nobody)->number, number);
    }
    const auto v4 = plan.GroupV4(number);
    EXPECT_TRUE(!v4 || plan.FindGroup(*v4)->number == number);
  }
}

TEST(NumberPlanTest, AnEmptyPlanMatchesNothing) {
  const NumberPlan plan;
  EXPECT_EQ(Found(plan, "ff3e:40:2001:db8:d0be:f00d:8000:0"), "not ours");
  EXPECT_EQ(Found(plan, "239.192.0.1"), "not ours");
  EXPECT_EQ(plan.GroupV6(0x80000000), std::nullopt);
}

}  // namespace
}  // namespace headwater
