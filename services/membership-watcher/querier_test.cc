#include "services/membership-watcher/querier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/membership-watcher/testing/link_fixture.h"

namespace headwater::membership {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using enum RecordType;
using QuerierTest = LinkFixture;

TEST_F(QuerierTest, TheLowestAddressIsQuerier) {
  UpAndSynced();
  const Querier& querier = link_.querier(IpAddress::Family::kIpv6);
  EXPECT_TRUE(querier.is_querier());
  Packet(QueryPacket("fe80::9", General(Version::kMldV2)));
  EXPECT_TRUE(querier.is_querier()) << "a higher address loses";
  log_.clear();
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  EXPECT_FALSE(querier.is_querier());
  EXPECT_EQ(querier.querier(), Address("fe80::2"));
  EXPECT_THAT(log_, ElementsAre("link"));
  EXPECT_EQ(querier.timing().membership_interval, 3 * 60s + 2 * 10s) << "its values are adopted";
  sent_.clear();
  Advance(184s);
  EXPECT_THAT(SentAbout("::"), IsEmpty());
  // Other querier present: 3 * 60 s + 5 s.
  Advance(1s);
  EXPECT_TRUE(querier.is_querier());
  EXPECT_THAT(SentAbout("::"), SizeIs(1));
  EXPECT_EQ(querier.timing().membership_interval, 270s);
}

TEST_F(QuerierTest, AHeardQueryIsNotPassedOn) {
  UpAndSynced();
  for (const char* from : {"192.0.2.1", "192.0.2.9"}) {
    Query specific = General(Version::kIgmpV3);
    Packet(QueryPacket(from, specific));
    specific.group = Address(kGroup4);
    Packet(QueryPacket(from, specific));
  }
  EXPECT_THAT(sent_, IsEmpty());
}

TEST_F(QuerierTest, ASwitchThatQueriesFromNowhereDoesNotWin) {
  UpAndSynced();
  Packet(QueryPacket("0.0.0.0", General(Version::kIgmpV2)));
  EXPECT_TRUE(link_.querier(IpAddress::Family::kIpv4).is_querier());
  EXPECT_EQ(link_.stats().queries_heard[static_cast<size_t>(Version::kIgmpV2)], 1u);
}

TEST_F(QuerierTest, OurOwnQueriesSeenOnTheLinkAreNothing) {
  UpAndSynced();
  Packet(QueryPacket(kOwn, General(Version::kMldV2)));
  EXPECT_EQ(link_.stats().queries_heard[static_cast<size_t>(Version::kMldV2)], 0u);
  EXPECT_TRUE(link_.querier(IpAddress::Family::kIpv6).is_querier());
}

TEST_F(QuerierTest, ALoserOfTheElectionFinishesTheQueriesThatItBegan) {
  UpAndSynced();
  Older(Version::kMldV1, kHost, kIsExclude, kGroup);
  Older(Version::kMldV1, kHost, kToInclude, kGroup);
  ASSERT_THAT(SentAbout(kGroup), SizeIs(1));
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  Advance(3s);
  EXPECT_THAT(SentAbout(kGroup), SizeIs(2));
  EXPECT_EQ(Find(kGroup), nullptr);
}

TEST_F(QuerierTest, ANonQuerierFollowsTheQueriersSpecificQueries) {
  UpAndSynced();
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  Older(Version::kMldV1, kHost, kIsExclude, kGroup);
  Older(Version::kMldV1, kHost, kToInclude, kGroup);
  EXPECT_THAT(SentAbout(kGroup), IsEmpty()) << "that is the querier's business";
  Advance(10s);
  EXPECT_NE(Find(kGroup), nullptr);
  Query specific = General(Version::kMldV2, 1s);
  specific.group = Address(kGroup);
  specific.suppress = true;
  Packet(QueryPacket("fe80::2", specific));
  Advance(10s);
  EXPECT_NE(Find(kGroup), nullptr) << "the S flag says to leave timers alone";
  specific.suppress = false;
  Packet(QueryPacket("fe80::2", specific));
  Advance(2999ms);
  EXPECT_NE(Find(kGroup), nullptr);
  Advance(1ms);
  EXPECT_EQ(Find(kGroup), nullptr) << "1 s, three times (its robustness), without an answer";
}

TEST_F(QuerierTest, AStartingLinkAsksEvenUnderAForeignQuerier) {
  link_.OnInterface({.up = true, .link_local = Address(kOwn)}, now_, actions_);
  Drain();
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  EXPECT_THAT(SentAbout("::"), SizeIs(1));
  Advance(1250ms);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
  Advance(60s);
  EXPECT_THAT(SentAbout("::"), SizeIs(1));
}

TEST_F(QuerierTest, SendsStartupQueriesAndThenOneEachInterval) {
  link_.OnInterface({.up = true, .link_local = Address(kOwn)}, now_, actions_);
  Drain();
  Advance(400s);
  std::vector<Duration> at;
  for (const Sent& sent : sent_) at.push_back(sent.at - MonoTime{});
  EXPECT_THAT(at, ElementsAre(0s, 31250ms, 156250ms, 281250ms));
  EXPECT_EQ(sent_[1].query.max_response, 1s);
  EXPECT_EQ(sent_[2].query.max_response, 10s);
  EXPECT_EQ(sent_[2].query.robustness, 2);
  EXPECT_EQ(sent_[2].query.query_interval, 125s) << "124 or 125: what the code can say";
}

TEST_F(QuerierTest, LongSourceListsAreSplitOverSeveralQueries) {
  UpAndSynced();
  std::vector<std::string> sources;
  for (int i = 1; i <= 200; ++i)
    sources.push_back(Address("2001:db8::" + std::to_string(i)).ToString());
  Report(kHost, kAllow, kSsm, {sources.begin(), sources.begin() + 100});
  Report(kHost, kAllow, kSsm, {sources.begin() + 100, sources.end()});
  Report(kHost2, kAllow, kSsm, {kSource2});
  sent_.clear();
  // (1500 - 48 - 28) / 16 = 89 sources fit.
  Report(kHost, kToInclude, kSsm, {kSource2});
  std::vector<size_t> sizes;
  for (const Query& query : SentAbout(kSsm)) sizes.push_back(query.sources.size());
  EXPECT_THAT(sizes, ElementsAre(89, 89, 21));
}

TEST_F(QuerierTest, WarmsUntilTheFirstQueryHasBeenAnswered) {
  EXPECT_EQ(link_.sync(), LinkSync::kDown);
  Up();
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
  ASSERT_THAT(sent_, SizeIs(2)) << "one general query for each family, at once";
  EXPECT_TRUE(sent_[0].query.general());
  EXPECT_EQ(sent_[0].query.max_response, 1s);
  Advance(1249ms);
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
  log_.clear();
  Advance(1ms);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
  EXPECT_THAT(log_, ElementsAre("link"));
}

TEST_F(QuerierTest, AFailedFirstQueryKeepsTheLinkWarming) {
  Up();
  link_.OnSendFailed(IpAddress::Family::kIpv6, now_, actions_);
  sent_.clear();
  Advance(1500ms);
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
  EXPECT_THAT(sent_, SizeIs(1)) << "tried again";
  Advance(1s);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
}

const Querier& Ipv4(const LinkMembership& link) { return link.querier(IpAddress::Family::kIpv4); }
const Querier& Ipv6(const LinkMembership& link) { return link.querier(IpAddress::Family::kIpv6); }

TEST_F(QuerierTest, AnInterfaceIdentifierDecidesInIpv6) {
  UpAndSynced();
  Packet(QueryPacket("fe80:0:0:1::4", General(Version::kMldV2)));
  EXPECT_FALSE(Ipv6(link_).is_querier()) << "::4 is lower than ::5, whatever stands before it";
}

TEST_F(QuerierTest, AHigherIdentifierBehindALowerPrefixLoses) {
  UpAndSynced();
  Packet(QueryPacket("fe80::1:0:0:4", General(Version::kMldV2)));
  EXPECT_TRUE(Ipv6(link_).is_querier());
}

// RFC 9776 section 6.6.2 against RFC 9777 section 7.6.2.
TEST_F(QuerierTest, ASpecificQueryElectsInMldAndNotInIgmp) {
  UpAndSynced();
  Query specific = General(Version::kIgmpV3);
  specific.group = Address(kGroup4);
  Packet(QueryPacket("192.0.2.1", specific));
  EXPECT_TRUE(Ipv4(link_).is_querier());
  specific = General(Version::kMldV2);
  specific.group = Address(kGroup);
  Packet(QueryPacket("fe80::2", specific));
  EXPECT_FALSE(Ipv6(link_).is_querier());
}

TEST_F(QuerierTest, TheOtherQueriersTimerRunsForTwoIntervalsAndAHalfResponse) {
  UpAndSynced();
  Query query = General(Version::kMldV2);
  query.robustness = 2;
  query.query_interval = 125s;
  Packet(QueryPacket("fe80::2", query));
  Advance(254999ms);
  EXPECT_FALSE(Ipv6(link_).is_querier());
  Advance(1ms);
  EXPECT_TRUE(Ipv6(link_).is_querier()) << "2 * 125 s + 10 s / 2";
}

TEST_F(QuerierTest, OwnValuesHoldWhereTheQuerierHasNone) {
  UpAndSynced();
  Query query = General(Version::kMldV2);
  query.robustness = 0;
  query.query_interval = 0s;
  Packet(QueryPacket("fe80::2", query));
  EXPECT_EQ(Ipv6(link_).timing().membership_interval, 270s);
  EXPECT_EQ(Ipv6(link_).timing().older_host_interval, 260s);
}

TEST_F(QuerierTest, RobustnessUpToSevenIsAdopted) {
  UpAndSynced();
  Query query = General(Version::kMldV2);
  query.robustness = 7;
  Packet(QueryPacket("fe80::2", query));
  EXPECT_EQ(Ipv6(link_).timing().membership_interval, 7 * 60s + 2 * 10s);
  EXPECT_EQ(Ipv6(link_).timing().last_member_count, 7);
}

TEST_F(QuerierTest, WhoeverSpeaksIsNamedOnceTheLowestHasGone) {
  UpAndSynced();
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  for (int i = 0; i < 4; ++i) {
    Advance(60s);
    Packet(QueryPacket("fe80::3", General(Version::kMldV2)));
  }
  EXPECT_EQ(Ipv6(link_).querier(), Address("fe80::3"));
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  EXPECT_EQ(Ipv6(link_).querier(), Address("fe80::2"));
}

TEST_F(QuerierTest, ALowerAddressOfOurOwnWinsBack) {
  UpAndSynced();
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  sent_.clear();
  link_.OnInterface(
      {.up = true, .ipv4 = Address(kOwn4), .link_local = Address("fe80::1"), .mtu = 0}, now_,
      actions_);
  Drain();
  EXPECT_TRUE(Ipv6(link_).is_querier());
  EXPECT_THAT(SentAbout("::"), SizeIs(1));
}

TEST_F(QuerierTest, AQueryToOurOwnAddressCounts) {
  UpAndSynced();
  std::vector<uint8_t> message;
  SerializeMldQuery(General(Version::kMldV2), Address("fe80::2"), Address(kOwn), message);
  Packet(WrapPacket(Address("fe80::2"), Address(kOwn), message));
  EXPECT_FALSE(Ipv6(link_).is_querier());
}

TEST_F(QuerierTest, QueriesGoWhereTheyMustFromWhereTheyMust) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  Report(kHost, kToInclude, kGroup);
  Report(kHost4, kToExclude, kGroup4);
  Report(kHost4, kToInclude, kGroup4);
  ASSERT_THAT(sent_, SizeIs(2));
  for (const Sent& sent : sent_) {
    EXPECT_EQ(sent.to, sent.query.group);
    EXPECT_EQ(sent.from, Address(sent.query.group.is_v4() ? kOwn4 : kOwn));
    EXPECT_EQ(sent.query.max_response, 1s);
    EXPECT_EQ(sent.bytes, sent.query.group.is_v4() ? 12u : 28u) << "no octet more";
  }
  sent_.clear();
  Advance(125s);
  for (const Sent& sent : sent_) {
    if (!sent.query.general()) continue;
    EXPECT_EQ(sent.to, Address(sent.from.is_v4() ? "224.0.0.1" : "ff02::1"));
    EXPECT_THAT(sent.query.sources, IsEmpty());
  }
}

TEST_F(QuerierTest, WarnsOfOlderQueriersOnceAMinute) {
  UpAndSynced();
  for (int i = 0; i < 50; ++i) Packet(QueryPacket("fe80::9", General(Version::kMldV1)));
  EXPECT_THAT(warnings_, SizeIs(1));
  Advance(1min);
  Packet(QueryPacket("fe80::9", General(Version::kMldV1)));
  EXPECT_THAT(warnings_, SizeIs(2));
}

TEST_F(QuerierTest, WarnsOfAQueryFromAnImpossibleAddress) {
  UpAndSynced();
  Packet(QueryPacket("::", General(Version::kMldV2)));
  Packet(QueryPacket("2001:db8::1", General(Version::kMldV2)));
  EXPECT_THAT(warnings_, SizeIs(1));
  EXPECT_TRUE(Ipv6(link_).is_querier());
  EXPECT_EQ(link_.stats().dropped[static_cast<size_t>(DropReason::kQuerySource)], 2u);
}

TEST_F(QuerierTest, TheOldestIgmpVersionOnTheNetworkIsSpoken) {
  UpAndSynced();
  Packet(QueryPacket("192.0.2.9", General(Version::kIgmpV2)));
  EXPECT_TRUE(Ipv4(link_).is_querier()) << "a higher address";
  sent_.clear();
  Report(kHost4, kToExclude, kGroup4);
  Report(kHost4, kToInclude, kGroup4);
  ASSERT_THAT(SentAbout(kGroup4), SizeIs(1));
  EXPECT_EQ(SentAbout(kGroup4)[0].version, Version::kIgmpV2);
  Packet(QueryPacket("192.0.2.8", General(Version::kIgmpV1)));
  EXPECT_EQ(Ipv4(link_).version(), Version::kIgmpV1);
  Advance(260s);
  link_.OnTime(now_, actions_);
  EXPECT_EQ(Ipv4(link_).version(), Version::kIgmpV3) << "they have gone";
}

class OlderIpv4Test : public QuerierTest {
 protected:
  explicit OlderIpv4Test(int version = 2)
      : QuerierTest({.ipv4 = {.version = version}, .ipv6 = {.version = 1}, .table = {}}) {}
};
class IgmpV1Test : public OlderIpv4Test {
 protected:
  IgmpV1Test() : OlderIpv4Test(1) {}
};

TEST_F(OlderIpv4Test, QueriesAreCutAtTheGroup) {
  UpAndSynced();
  Advance(160s);
  ASSERT_GE(sent_.size(), 2u);
  for (const Sent& sent : sent_) {
    const bool ipv4 = sent.from.is_v4();
    EXPECT_EQ(sent.query.version, ipv4 ? Version::kIgmpV2 : Version::kMldV1);
    EXPECT_EQ(sent.bytes, ipv4 ? 8u : 24u);
  }
  EXPECT_EQ(sent_.back().query.max_response, 10s) << "the time itself, no code";
}

TEST_F(OlderIpv4Test, ASourcesQueryBecomesOneForTheGroup) {
  UpAndSynced();
  Report(kHost, kAllow, kSsm, {kSource, kSource2});
  Report(kHost2, kAllow, kSsm, {kSource2});
  sent_.clear();
  Report(kHost, kBlock, kSsm, {kSource, kSource2});
  EXPECT_THAT(SentAbout(kSsm), SizeIs(1));
  EXPECT_THAT(SentAbout(kSsm)[0].sources, IsEmpty());
}

TEST_F(OlderIpv4Test, WarnsOfANewerQuery) {
  UpAndSynced();
  for (int i = 0; i < 9; ++i) Packet(QueryPacket("192.0.2.9", General(Version::kIgmpV3)));
  EXPECT_THAT(warnings_, SizeIs(1));
  Packet(QueryPacket("192.0.2.9", General(Version::kIgmpV2)));
  EXPECT_THAT(warnings_, SizeIs(1)) << "that is its own version";
}

TEST_F(IgmpV1Test, QueriesHaveNoResponseTimeAndLeavesAreIgnored) {
  Up();
  EXPECT_EQ(sent_[0].query.version, Version::kIgmpV1);
  EXPECT_EQ(sent_[0].bytes, 8u);
  Advance(10249ms);
  EXPECT_EQ(link_.sync(), LinkSync::kWarming) << "hosts take ten seconds to answer";
  Advance(1ms);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
  sent_.clear();
  Older(Version::kIgmpV2, kHost4, kIsExclude, kGroup4);
  Older(Version::kIgmpV2, kHost4, kToInclude, kGroup4);
  Report("192.0.2.11", kToExclude, "239.192.0.2");
  Report("192.0.2.11", kToInclude, "239.192.0.2");
  EXPECT_THAT(SentAbout(kGroup4), IsEmpty());
  Advance(100s);
  EXPECT_NE(Find(kGroup4), nullptr);
  EXPECT_NE(Find("239.192.0.2"), nullptr);
}

class AlwaysQuerierTest : public QuerierTest {
 protected:
  AlwaysQuerierTest()
      : QuerierTest({.ipv4 = {.role = QuerierRole::kAlways},
                     .ipv6 = {.role = QuerierRole::kAlways},
                     .table = {}}) {}
};

TEST_F(AlwaysQuerierTest, NeverFallsSilent) {
  UpAndSynced();
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  EXPECT_TRUE(Ipv6(link_).is_querier());
  Advance(160s);
  EXPECT_THAT(SentAbout("::"), SizeIs(2)) << "the second startup query and the first periodic one";
}

class NeverQuerierTest : public QuerierTest {
 protected:
  NeverQuerierTest()
      : QuerierTest({.ipv4 = {.role = QuerierRole::kNever},
                     .ipv6 = {.role = QuerierRole::kNever},
                     .table = {}}) {}
};

TEST_F(NeverQuerierTest, AsksNothingAndKnowsAfterAnothersQuery) {
  Up();
  Advance(60s);
  EXPECT_THAT(sent_, IsEmpty());
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
  EXPECT_EQ(Ipv6(link_).querier(), std::nullopt);
  Packet(QueryPacket("fe80::9", General(Version::kMldV2)));
  Packet(QueryPacket("192.0.2.9", General(Version::kIgmpV3)));
  EXPECT_EQ(Ipv6(link_).querier(), Address("fe80::9")) << "a higher address, but nobody else asks";
  Advance(10249ms);
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
  Advance(1ms);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
  Report(kHost, kToExclude, kGroup);
  Report(kHost, kToInclude, kGroup);
  Advance(400s);
  EXPECT_THAT(sent_, IsEmpty());
}

TEST_F(NeverQuerierTest, WithoutAnyQuerierAWholeIntervalTells) {
  Up();
  Advance(269s);
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
  Advance(1s);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
}

TEST_F(QuerierTest, TheRoleCanChangeWhileRunning) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  Options options;
  options.ipv4.role = options.ipv6.role = QuerierRole::kNever;
  link_.SetOptions(options, now_);
  Advance(200s);
  EXPECT_THAT(sent_, IsEmpty());
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
  EXPECT_NE(Find(kGroup), nullptr);
  link_.SetOptions({}, now_);
  Advance(1ms);
  EXPECT_THAT(sent_, SizeIs(2));
}

// The querier has asked before it heard the answer: other routers have heard that first.
TEST_F(QuerierTest, AReportJustBeforeAQueryIsNotForgotten) {
  UpAndSynced();
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  Report(kHost, kToExclude, kGroup);
  Report(kHost, kAllow, kSsm, {kSource});
  Advance(20ms);
  Query specific = General(Version::kMldV2, 1s);
  specific.group = Address(kGroup);
  Packet(QueryPacket("fe80::2", specific));
  specific.group = Address(kSsm);
  specific.sources = {Address(kSource)};
  Packet(QueryPacket("fe80::2", specific));
  Advance(100s);
  EXPECT_NE(Find(kGroup), nullptr);
  EXPECT_NE(Find(kSsm), nullptr);
}

}  // namespace
}  // namespace headwater::membership
