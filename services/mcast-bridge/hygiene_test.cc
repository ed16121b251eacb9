#include "services/mcast-bridge/hygiene.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::bridge {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Change::Kind;

constexpr uint32_t kMark = 0x40000000;
const Interfaces kPresent = {{"lan", "br0"}, {"wlan", "eth0.20"}};

Facts Bare() {
  return {.snooping = {{"br0", true}},
          .sysctls = {{"net/ipv4/conf/br0/forwarding", "0"},
                      {"net/ipv4/conf/eth0.20/forwarding", "1"},
                      {"net/ipv6/conf/all/forwarding", "0"},
                      {"net/ipv6/conf/br0/forwarding", "1"}},
          .routes = {{true, "224.0.0.0/4 dev br0", "0a0b"}},
          .chains = {{.name = "inet fw forward", .drops = true}}};
}

Check Find(const Verdict& verdict, std::string_view name, std::string_view subject) {
  for (const Check& check : verdict.checks) {
    if (check.name == name && check.subject == subject) return check;
  }
  return {};
}

TEST(HygieneTest, WithoutLeaveNothingIsChangedAndEverythingTold) {
  const Verdict verdict = Judge({}, kPresent, Bare(), {}, kMark);
  EXPECT_THAT(verdict.changes, IsEmpty());
  EXPECT_EQ(Find(verdict, "snooping", "br0").state, CheckState::kGood);
  EXPECT_EQ(Find(verdict, "forwarding", "ipv4").state, CheckState::kWrong);
  EXPECT_THAT(Find(verdict, "routes", "ipv4").detail, HasSubstr("224.0.0.0/4 dev br0"));
  EXPECT_EQ(Find(verdict, "routes", "ipv6").state, CheckState::kGood);
  EXPECT_THAT(Find(verdict, "firewall", "inet fw forward").detail,
              HasSubstr("`meta mark & 0x40000000 == 0x40000000 accept`"));
}

TEST(HygieneTest, ChangesWhatIsWantedInAnOrderThatCanBeUndone) {
  const HygieneOptions options = {.snooping_off = {"lan"},
                                  .forwarding = true,
                                  .carve_routes = true,
                                  .firewall_chains = {"inet fw forward"}};
  const Verdict verdict = Judge(options, kPresent, Bare(), {}, kMark);
  EXPECT_THAT(verdict.changes,
              ElementsAre(Change{Kind::kSnooping, "br0", "1"},
                          Change{Kind::kSysctl, "net/ipv4/conf/br0/forwarding", "0"},
                          // Undone before the single ones, which it would set.
                          Change{Kind::kSysctl, "net/ipv6/conf/br0/forwarding", "1"},
                          Change{Kind::kSysctl, "net/ipv6/conf/all/forwarding", "0"},
                          Change{Kind::kRouteRemoved, "224.0.0.0/4 dev br0", "0a0b"},
                          Change{Kind::kRouteAdded, "unreachable 224.0.0.0/4", ""},
                          Change{Kind::kRouteAdded, "unreachable ff00::/8", ""},
                          Change{Kind::kRule, "inet fw forward", ""}));
}

TEST(HygieneTest, WhatWeHaveChangedIsCalledApplied) {
  const HygieneOptions options = {.snooping_off = {"lan"}, .carve_routes = true};
  Facts facts = Bare();
  facts.snooping["br0"] = false;
  facts.routes.clear();
  facts.unreachable = {"unreachable 224.0.0.0/4", "unreachable ff00::/8"};
  const Journal journal = {.changes = {{Kind::kSnooping, "br0", "1"},
                                       {Kind::kRouteAdded, "unreachable 224.0.0.0/4", ""}}};
  const Verdict verdict = Judge(options, kPresent, facts, journal, kMark);
  EXPECT_THAT(verdict.changes, IsEmpty());
  EXPECT_EQ(Find(verdict, "snooping", "br0").state, CheckState::kApplied);
  EXPECT_EQ(Find(verdict, "routes", "ipv4").state, CheckState::kApplied);
  // That one was there before us, and stays.
  EXPECT_EQ(Find(verdict, "routes", "ipv6").state, CheckState::kGood);
}

TEST(HygieneTest, AMissingChainIsNamed) {
  const Verdict verdict =
      Judge({.firewall_chains = {"ip filter FORWARD"}}, kPresent, Bare(), {}, kMark);
  EXPECT_EQ(Find(verdict, "firewall", "ip filter FORWARD").state, CheckState::kWrong);
}

constexpr std::string_view kRuleset =
    "table inet headwater_bridge { # handle 1\n"
    "\tchain forward { # handle 1\n"
    "\t\ttype filter hook forward priority filter - 5; policy accept;\n\t}\n}\n"
    "table inet fw { # handle 2\n"
    "\tset x { # handle 9\n\t\ttype ipv4_addr\n\t}\n"
    "\tchain forward { # handle 1\n"
    "\t\ttype filter hook forward priority filter; policy drop;\n"
    "\t\tmeta mark & 0x40000000 == 0x40000000 accept comment \"headwater mcast-bridge\" # handle "
    "7\n"
    "\t\tct state established,related accept # handle 2\n\t}\n"
    "\tchain input { # handle 3\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n"
    "table ip filter { # handle 3\n"
    "\tchain FORWARD { # handle 1\n"
    "\t\ttype filter hook forward priority filter; policy accept;\n\t}\n}\n";

TEST(ForwardChainsTest, AreFoundButOurOwn) {
  EXPECT_THAT(ParseForwardChains(kRuleset, "headwater_bridge", kMark),
              ElementsAre(ForwardChain{"inet fw forward", true, true, true},
                          ForwardChain{"ip filter FORWARD", false, false, false}));
  EXPECT_FALSE(ParseForwardChains(kRuleset, "headwater_bridge", 1).at(0).accepts_mark);
  EXPECT_THAT(OwnRuleHandles(kRuleset, "inet fw forward"), ElementsAre("7"));
  EXPECT_THAT(OwnRuleHandles(kRuleset, "ip filter FORWARD"), IsEmpty());
}

TEST(JournalTest, RoundTrips) {
  Journal journal = {.boot = "b00t",
                     .network = "net:[4026531840]",
                     .changes = {{Kind::kTable, "hw", ""},
                                 {Kind::kRule, "inet fw forward", ""},
                                 {Kind::kSnooping, "br0", "1"},
                                 {Kind::kSysctl, "net/ipv4/conf/eth0.20/forwarding", "0"},
                                 {Kind::kRouteAdded, "unreachable ff00::/8", ""},
                                 {Kind::kRouteRemoved, "224.0.0.0/4 dev br0", "0a0b"}}};
  std::string text = JournalHead(journal);
  for (const Change& change : journal.changes) text += JournalLine(change);
  Journal read = ParseJournal(text);
  EXPECT_EQ(read.boot, journal.boot);
  EXPECT_EQ(read.network, journal.network);
  EXPECT_EQ(read.changes, journal.changes);
  EXPECT_TRUE(read.Has({Kind::kSnooping, "br0", "other"}));
  EXPECT_FALSE(read.Has({Kind::kRouteRemoved, "224.0.0.0/4 dev br0", "0a0c"}));
  // Cut off anywhere it has the whole lines before.
  for (size_t size = 0; size < text.size(); ++size) {
    read = ParseJournal(std::string_view(text).substr(0, size));
    EXPECT_LT(read.changes.size(), journal.changes.size());
    EXPECT_TRUE(std::equal(read.changes.begin(), read.changes.end(), journal.changes.begin()));
  }
  EXPECT_THAT(ParseJournal("boot b network n\nfuture\tx\ty\ntable\thw\t\n").changes,
              ElementsAre(Change{Kind::kTable, "hw", ""}));
}

}  // namespace
}  // namespace headwater::bridge
