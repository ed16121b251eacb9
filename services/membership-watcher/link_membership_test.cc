#include "services/membership-watcher/link_membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "services/membership-watcher/testing/link_fixture.h"

namespace headwater::membership {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using enum RecordType;
using LinkMembershipTest = LinkFixture;

TEST_F(LinkMembershipTest, ChangedOptionsForgetNothingAndHoldAtOnce) {
  UpAndSynced();
  Report(kHost, RecordType::kToExclude, kGroup);
  Advance(70s);
  sent_.clear();
  Options options;
  options.ipv4.query_interval = options.ipv6.query_interval = 20s;
  options.ipv4.query_response_interval = options.ipv6.query_response_interval = 5s;
  options.ipv4.robustness = options.ipv6.robustness = 3;
  options.table.groups_max = 1;
  link_.SetOptions(options, now_);
  EXPECT_NE(Find(kGroup), nullptr);
  Report(kHost, RecordType::kToExclude, "ff3e:40:2001:db8:d0be:f00d:8000:2");
  EXPECT_EQ(Find("ff3e:40:2001:db8:d0be:f00d:8000:2"), nullptr) << "the table is full now";
  Advance(21s);
  ASSERT_EQ(sent_.size(), 2u) << "one for each family, not only after 125 s";
  EXPECT_EQ(sent_[0].query.robustness, 3);
  EXPECT_EQ(sent_[0].query.query_interval, 20s);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
}

TEST_F(LinkMembershipTest, WaitsAWhileForTheLinkLocalAddress) {
  link_.OnInterface({.up = true, .ipv4 = Address(kOwn4)}, now_, actions_);
  Advance(2s);
  EXPECT_EQ(link_.sync(), LinkSync::kWarming) << "duplicate address detection may go on";
  Advance(2s);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
  link_.OnInterface({.up = true, .ipv4 = Address(kOwn4), .link_local = Address(kOwn)}, now_,
                    actions_);
  EXPECT_EQ(link_.sync(), LinkSync::kWarming) << "nothing is known of IPv6 yet";
  Advance(2s);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
}

TEST_F(LinkMembershipTest, AJoinIsSeenAtOnceWithItsKernelTime) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  EXPECT_THAT(log_, ElementsAre(std::string("+") + kGroup));
  ASSERT_NE(Find(kGroup), nullptr);
  EXPECT_EQ(Find(kGroup)->mode(), FilterMode::kExclude);
  EXPECT_EQ(Joins(kGroup), 1u);
  EXPECT_EQ(Find(kGroup)->last_join(), wall());
  EXPECT_THAT(Hosts(kGroup), ElementsAre(kHost));
}

TEST_F(LinkMembershipTest, OnlyNewMembersRaiseTheJoinCount) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  log_.clear();
  Report(kHost, kToExclude, kGroup);
  Report(kHost, kIsExclude, kGroup);
  EXPECT_EQ(Joins(kGroup), 1u) << "robustness repeats reports, queries ask for them";
  EXPECT_THAT(log_, IsEmpty()) << "nothing that is published has changed";
  Report(kHost2, kToExclude, kGroup);
  EXPECT_EQ(Joins(kGroup), 2u);
  EXPECT_THAT(Hosts(kGroup), ElementsAre(kHost, kHost2));
  Report(kHost2, kToInclude, kGroup);
  Report(kHost2, kToExclude, kGroup);
  EXPECT_EQ(Joins(kGroup), 3u) << "left and joined again";
}

TEST_F(LinkMembershipTest, TheLastLeaveEndsAGroupAtOnceAndAsksAllTheSame) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  Report(kHost2, kToExclude, kGroup);
  Report(kHost, kToInclude, kGroup);
  EXPECT_NE(Find(kGroup), nullptr);
  log_.clear();
  sent_.clear();
  Report(kHost2, kToInclude, kGroup);
  EXPECT_EQ(Find(kGroup), nullptr);
  EXPECT_THAT(log_, ElementsAre(std::string("-") + kGroup));
  Advance(5s);
  EXPECT_THAT(SentAbout(kGroup), SizeIs(1)) << "the first of two had been sent for the first leave";
  EXPECT_EQ(link_.table().entry_count(), 0u);
}

// RFC 9777 section 7.4.2: what the table asks is asked, tracking or not.
TEST_F(LinkMembershipTest, TheLastLeaveOfSourcesAsksAboutEachOfThem) {
  UpAndSynced();
  for (RecordType leave : {kBlock, kToInclude}) {
    Report(kHost, kAllow, kSsm, {kSource, kSource2});
    sent_.clear();
    Report(
        kHost, leave, kSsm,
        leave == kBlock ? std::vector<std::string>{kSource, kSource2} : std::vector<std::string>{});
    EXPECT_EQ(Find(kSsm), nullptr);
    Advance(5s);
    ASSERT_THAT(SentAbout(kSsm), SizeIs(2)) << "once more after a second, and no more";
    for (const Query& query : SentAbout(kSsm)) {
      EXPECT_THAT(query.sources, ElementsAre(Address(kSource), Address(kSource2)));
      EXPECT_FALSE(query.suppress);
    }
    EXPECT_EQ(link_.table().entry_count(), 0u);
  }
}

TEST_F(LinkMembershipTest, AForgottenListenerOfASourceComesBack) {
  UpAndSynced();
  Report(kHost, kAllow, kSsm, {kSource, kSource2});
  Report(kHost, kBlock, kSsm, {kSource, kSource2});
  sent_.clear();
  Report(kHost2, kIsInclude, kSsm, {kSource2});
  EXPECT_THAT(Sources(kSsm), ElementsAre(kSource2));
  Advance(1s);
  ASSERT_THAT(SentAbout(kSsm), SizeIs(2)) << "split at the last listener query time";
  EXPECT_TRUE(SentAbout(kSsm)[0].suppress);
  EXPECT_THAT(SentAbout(kSsm)[0].sources, ElementsAre(Address(kSource2)));
  EXPECT_FALSE(SentAbout(kSsm)[1].suppress);
  EXPECT_THAT(SentAbout(kSsm)[1].sources, ElementsAre(Address(kSource)));
  Advance(60s);
  EXPECT_THAT(Sources(kSsm), ElementsAre(kSource2));
}

TEST_F(LinkMembershipTest, AForgottenListenerComesBackByTheQueryAfterTheLastLeave) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  Report(kHost, kToInclude, kGroup);
  ASSERT_THAT(SentAbout(kGroup), SizeIs(1));
  EXPECT_FALSE(SentAbout(kGroup)[0].suppress);
  Advance(500ms);
  Report(kHost2, kIsExclude, kGroup);
  EXPECT_THAT(Hosts(kGroup), ElementsAre(kHost2));
  EXPECT_EQ(Joins(kGroup), 2u) << "it goes on counting, so a slow reader sees a rise";
  Advance(1s);
  ASSERT_THAT(SentAbout(kGroup), SizeIs(2));
  EXPECT_TRUE(SentAbout(kGroup)[1].suppress) << "an answer has come: other routers keep theirs";
  Advance(10s);
  EXPECT_NE(Find(kGroup), nullptr);
}

TEST_F(LinkMembershipTest, ALeaveWhileWarmingWaitsForAnswers) {
  Up();
  Report(kHost, kToExclude, kGroup);
  Report(kHost, kToInclude, kGroup);
  EXPECT_NE(Find(kGroup), nullptr) << "others may not have answered yet";
  Advance(2s);
  EXPECT_EQ(Find(kGroup), nullptr);
}

TEST_F(LinkMembershipTest, AListenerThatFallsSilentIsForgottenAfterTheInterval) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  Advance(100s);
  Report(kHost2, kIsExclude, kGroup);
  Advance(170s);
  EXPECT_THAT(Hosts(kGroup), ElementsAre(kHost2));
  Advance(99s);
  EXPECT_NE(Find(kGroup), nullptr);
  Advance(1s);
  EXPECT_EQ(Find(kGroup), nullptr);
  EXPECT_EQ(link_.table().group_count(), 0u);
}

TEST_F(LinkMembershipTest, SourceSpecificJoinAndLeave) {
  UpAndSynced();
  Report(kHost, kAllow, kSsm, {kSource});
  EXPECT_EQ(Find(kSsm)->mode(), FilterMode::kInclude);
  EXPECT_THAT(Sources(kSsm), ElementsAre(kSource));
  Report(kHost2, kAllow, kSsm, {kSource2});
  EXPECT_EQ(Joins(kSsm), 2u);
  sent_.clear();
  Report(kHost, kBlock, kSsm, {kSource});
  ASSERT_THAT(SentAbout(kSsm), SizeIs(1));
  EXPECT_THAT(SentAbout(kSsm)[0].sources, ElementsAre(Address(kSource)));
  Advance(2s);
  EXPECT_THAT(SentAbout(kSsm), SizeIs(2));
  EXPECT_THAT(Sources(kSsm), ElementsAre(kSource2));
  Report(kHost2, kBlock, kSsm, {kSource2});
  EXPECT_EQ(Find(kSsm), nullptr) << "nobody is left";
}

TEST_F(LinkMembershipTest, AnyAndOlderReportsAreIgnoredInTheSsmRange) {
  UpAndSynced();
  Report(kHost, kToExclude, kSsm);
  Report(kHost, kIsExclude, kSsm);
  Older(Version::kMldV1, kHost, kIsExclude, kSsm);
  Older(Version::kIgmpV2, kHost4, kIsExclude, "232.1.2.3");
  EXPECT_EQ(link_.table().group_count(), 0u);
  EXPECT_EQ(link_.table().stats().ignored[static_cast<size_t>(IgnoreReason::kSsmRange)], 4u);
}

TEST_F(LinkMembershipTest, LinkLocalGroupsAreNotStreams) {
  UpAndSynced();
  for (const char* group : {"ff02::1:ff00:1", "ff01::1:2:3", "224.0.0.251"}) {
    Report(Address(group).is_v4() ? kHost4 : kHost, kToExclude, group);
  }
  EXPECT_EQ(link_.table().group_count(), 0u);
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(LinkMembershipTest, OlderHostsAreAskedBeforeTheirGroupEnds) {
  UpAndSynced();
  Older(Version::kMldV1, kHost, kIsExclude, kGroup);
  EXPECT_THAT(Hosts(kGroup), ElementsAre(kHost));
  Older(Version::kMldV1, kHost, kToInclude, kGroup);
  EXPECT_THAT(SentAbout(kGroup), SizeIs(1));
  Advance(500ms);
  // Another host, silent until now because it had heard the first one's report.
  Older(Version::kMldV1, kHost2, kIsExclude, kGroup);
  Advance(60s);
  EXPECT_THAT(Hosts(kGroup), ElementsAre(kHost2));
  Older(Version::kMldV1, kHost2, kToInclude, kGroup);
  Advance(1999ms);
  EXPECT_NE(Find(kGroup), nullptr);
  Advance(1ms);
  EXPECT_EQ(Find(kGroup), nullptr);
}

TEST_F(LinkMembershipTest, WithOlderHostsPresentANewHostsLeaveEndsNothing) {
  UpAndSynced();
  Older(Version::kIgmpV2, kHost4, kIsExclude, kGroup4);
  Report("192.0.2.11", kToExclude, kGroup4);
  Report("192.0.2.11", kToInclude, kGroup4);
  EXPECT_NE(Find(kGroup4), nullptr);
  Older(Version::kIgmpV2, kHost4, kIsExclude, kGroup4);  // its answer
  Advance(30s);
  EXPECT_THAT(Hosts(kGroup4), ElementsAre(kHost4));
}

TEST_F(LinkMembershipTest, AnIgmpV1HostCannotLeave) {
  UpAndSynced();
  Older(Version::kIgmpV1, kHost4, kIsExclude, kGroup4);
  Older(Version::kIgmpV2, kHost4, kToInclude, kGroup4);
  EXPECT_THAT(SentAbout(kGroup4), IsEmpty());
  Advance(269s);
  EXPECT_NE(Find(kGroup4), nullptr);
  Advance(2s);
  EXPECT_EQ(Find(kGroup4), nullptr);
}

TEST_F(LinkMembershipTest, BothFamiliesLiveSideBySide) {
  UpAndSynced();
  Report(kHost4, kToExclude, kGroup4);
  Report(kHost, kToExclude, kGroup);
  EXPECT_EQ(link_.table().group_count(), 2u);
  Report(kHost4, kToInclude, kGroup4);
  EXPECT_EQ(Find(kGroup4), nullptr);
  EXPECT_NE(Find(kGroup), nullptr);
}

TEST_F(LinkMembershipTest, ALinkThatGoesDownForgetsAndSaysSoFirst) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  log_.clear();
  link_.OnInterface({}, now_, actions_);
  Drain();
  EXPECT_EQ(link_.sync(), LinkSync::kDown);
  EXPECT_THAT(log_, ElementsAre("link", std::string("-") + kGroup));
  Report(kHost, kToExclude, kGroup);
  EXPECT_EQ(link_.table().group_count(), 0u) << "what a link that is down says is not heard";
  EXPECT_EQ(link_.NextDeadline(), kNever);
  Up();
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
}

TEST_F(LinkMembershipTest, DropsAreCountedByReason) {
  UpAndSynced();
  const membership::Report report{Version::kMldV2, {{kToExclude, Address(kGroup), {}}}};
  Packet(ReportPacket(kHost, report, {.hop_limit = 64}));
  Packet(ReportPacket(kHost, report, {.bad_checksum = true}));
  Packet({});
  EXPECT_EQ(link_.stats().dropped[static_cast<size_t>(DropReason::kHopLimit)], 1u);
  EXPECT_EQ(link_.stats().dropped[static_cast<size_t>(DropReason::kChecksum)], 1u);
  EXPECT_EQ(link_.stats().dropped[static_cast<size_t>(DropReason::kTruncated)], 1u);
  EXPECT_EQ(link_.table().group_count(), 0u);
}

TEST_F(LinkMembershipTest, AlarmsSayWhatIsWrong) {
  UpAndSynced();
  const auto raised = [&] {
    std::vector<std::string> names;
    for (int i = 0; i < kAlarmCount; ++i) {
      if (link_.Raises(static_cast<Alarm>(i), now_)) {
        names.emplace_back(Name(static_cast<Alarm>(i)));
      }
    }
    return names;
  };
  EXPECT_THAT(raised(), IsEmpty());
  Packet(QueryPacket("fe80::2", General(Version::kMldV2)));
  EXPECT_THAT(raised(), ElementsAre("foreign_querier"));
  Packet(QueryPacket("192.0.2.9", General(Version::kIgmpV2)));
  const membership::Report far{Version::kMldV2, {{kToExclude, Address(kGroup), {}}}};
  Packet(ReportPacket(kHost, far, {.hop_limit = 64}));
  EXPECT_THAT(raised(), ElementsAre("foreign_querier", "older_querier", "hop_limit"));
  Advance(400s);
  Report("0.0.0.0", kToExclude, "224.0.0.106");
  Report(kOwn, kIsExclude, "ff02::16");
  EXPECT_THAT(raised(), ElementsAre("no_reports")) << "the switch and we ourselves do not count";
  Report(kHost, kToExclude, "ff02::1:2");
  EXPECT_THAT(raised(), IsEmpty());
  Options options;
  options.table.groups_max = 1;
  options.ipv4.role = options.ipv6.role = QuerierRole::kNever;
  link_.SetOptions(options, now_);
  Report(kHost, kToExclude, "ff3e:40::1");
  Report(kHost, kToExclude, "ff3e:40::2");
  EXPECT_THAT(raised(), ElementsAre("no_querier", "limit"));
}

TEST_F(LinkMembershipTest, ARouterAdvertisesItselfSoonAndThenAtRandom) {
  Up();
  Advance(6s);
  EXPECT_EQ(to_snoopers_.size(), 6u) << "three of each family, at most 2 s apart";
  for (const SendQuery& sent : to_snoopers_) {
    const bool ipv4 = sent.from.is_v4();
    ASSERT_EQ(sent.message.size(), 8u);
    EXPECT_EQ(sent.message[0], ipv4 ? 0x30 : 151);
    EXPECT_EQ(sent.message[1], 20);
    EXPECT_EQ(sent.message[5], 125);
    EXPECT_EQ(sent.message[7], 2);
    EXPECT_EQ(sent.to, Address(ipv4 ? "224.0.0.106" : "ff02::6a"));
    auto copy = sent.message;
    FixChecksum(sent.from, sent.to, copy);
    EXPECT_EQ(copy, sent.message);
  }
  to_snoopers_.clear();
  Advance(600s);
  EXPECT_GE(to_snoopers_.size(), 2 * 600u / 20);
  EXPECT_LE(to_snoopers_.size(), 2 * 600u / 15 + 2);
}

TEST_F(LinkMembershipTest, ASolicitationIsAnsweredAndAnEndIsTold) {
  Up();
  Advance(7s);
  to_snoopers_.clear();
  std::vector<uint8_t> solicitation = {152, 0, 0, 0};
  FixChecksum(Address(kHost), Address("ff02::2"), solicitation);
  Packet(WrapPacket(Address(kHost), Address("ff02::2"), solicitation));
  Advance(2s);
  EXPECT_THAT(to_snoopers_, SizeIs(1));
  solicitation = {0x31, 0, 0, 0};
  FixChecksum(Address(kHost4), Address("224.0.0.2"), solicitation);
  Packet(WrapPacket(Address(kHost4), Address("224.0.0.2"), solicitation));
  Advance(2s);
  EXPECT_THAT(to_snoopers_, SizeIs(2));
  to_snoopers_.clear();
  link_.OnEnd(actions_);
  Drain();
  ASSERT_THAT(to_snoopers_, SizeIs(2));
  EXPECT_EQ(to_snoopers_[0].message[0], 0x32);
  EXPECT_EQ(to_snoopers_[1].message[0], 153);
  Options options;
  options.ipv4.advertisement_interval = options.ipv6.advertisement_interval = 0s;
  link_.SetOptions(options, now_);
  to_snoopers_.clear();
  Advance(100s);
  EXPECT_THAT(to_snoopers_, IsEmpty()) << "turned off";
}

// What a table costs must depend on what is due, not on what is stored: with a scan a packet or a
// timer this would take hours.
TEST_F(LinkMembershipTest, HoldsTwentyThousandGroups) {
  UpAndSynced();
  constexpr uint32_t kGroups = 20'000;
  membership::Report report{Version::kIgmpV3, {{kToExclude, {}, {}}}};
  for (uint32_t i = 0; i < kGroups; ++i) {
    report.records[0].group = IpAddress::V4(0xefc00000 + i);
    link_.OnPacket(ReportPacket(kHost4, report), now_, wall(), actions_);
    now_ += 10us;
  }
  EXPECT_EQ(link_.table().group_count(), kGroups);
  actions_.clear();
  now_ += 300s;
  link_.OnTime(now_, actions_);
  EXPECT_EQ(link_.table().group_count(), 0u);
  EXPECT_EQ(link_.table().entry_count(), 0u);
}

class LimitedLinkTest : public LinkFixture {
 protected:
  LimitedLinkTest()
      : LinkFixture({.table = {.groups_max = 2,
                               .members_per_group_max = 2,
                               .sources_per_group_max = 3,
                               .entries_max = 12}}) {}
  uint64_t Ignored(IgnoreReason reason) {
    return link_.table().stats().ignored[static_cast<size_t>(reason)];
  }
};

TEST_F(LimitedLinkTest, ANewGroupIsRefusedAndOldOnesLiveOn) {
  UpAndSynced();
  Report(kHost, kToExclude, "ff3e:40::1");
  Report(kHost, kToExclude, "ff3e:40::2");
  Report(kHost, kToExclude, "ff3e:40::3");
  EXPECT_EQ(link_.table().group_count(), 2u);
  EXPECT_EQ(Find("ff3e:40::3"), nullptr);
  EXPECT_EQ(Ignored(IgnoreReason::kGroupLimit), 1u);
  Report(kHost, kToInclude, "ff3e:40::1");
  Advance(3s);
  Report(kHost, kToExclude, "ff3e:40::3");
  EXPECT_NE(Find("ff3e:40::3"), nullptr) << "there is room again";
}

TEST_F(LimitedLinkTest, AGroupWithUncountedMembersIsNotEndedByTracking) {
  UpAndSynced();
  Report("fe80::a", kToExclude, kGroup);
  Report("fe80::b", kToExclude, kGroup);
  Report("fe80::c", kToExclude, kGroup);
  EXPECT_THAT(Hosts(kGroup), SizeIs(2));
  EXPECT_EQ(Joins(kGroup), 3u) << "refused a place, but heard";
  EXPECT_EQ(Ignored(IgnoreReason::kMemberLimit), 1u);
  Report("fe80::a", kToInclude, kGroup);
  Report("fe80::b", kToInclude, kGroup);
  EXPECT_NE(Find(kGroup), nullptr);
  Report("fe80::c", kIsExclude, kGroup);  // its answer to the query
  Advance(10s);
  EXPECT_THAT(Hosts(kGroup), ElementsAre("fe80::c"));
}

TEST_F(LimitedLinkTest, SourcesBeyondTheLimitAreRefused) {
  UpAndSynced();
  Report(kHost, kAllow, kSsm, {"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"});
  EXPECT_THAT(Sources(kSsm), SizeIs(3));
  EXPECT_EQ(Ignored(IgnoreReason::kSourceLimit), 1u);
}

TEST_F(LimitedLinkTest, TheTableAsAWholeIsBounded) {
  UpAndSynced();
  for (int i = 1; i < 100; ++i) {
    Report("fe80::a", kAllow, kSsm, {"2001:db8::" + std::to_string(i)});
    Report("fe80::b", kAllow, "ff3e::8000:2", {"2001:db8::" + std::to_string(i)});
  }
  EXPECT_LE(link_.table().entry_count(), 12u + 6u)
      << "one record may pass the limit by its sources";
}

}  // namespace
}  // namespace headwater::membership
