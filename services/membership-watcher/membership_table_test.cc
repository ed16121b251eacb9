#include "services/membership-watcher/membership_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/membership-watcher/testing/link_fixture.h"

namespace headwater::membership {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using enum RecordType;

class TableTest : public LinkFixture {
 protected:
  explicit TableTest(const Options& options = {}) : LinkFixture(options) {}
  uint64_t Ignored(IgnoreReason reason) {
    return link_.table().stats().ignored[static_cast<size_t>(reason)];
  }
};

TEST(GroupRangeTest, ContainsWhatItsBitsSayWhateverTheScope) {
  const auto ipv4 = GroupRange::Parse("232.16.0.0/12");
  ASSERT_TRUE(ipv4);
  EXPECT_TRUE(ipv4->Contains(Address("232.31.255.255")));
  EXPECT_FALSE(ipv4->Contains(Address("232.32.0.0")));
  EXPECT_FALSE(ipv4->Contains(Address("ff3e::1")));
  const auto ipv6 = GroupRange::Parse("ff30::/32");
  ASSERT_TRUE(ipv6);
  EXPECT_TRUE(ipv6->Contains(Address("ff3e::8000:1")));
  EXPECT_TRUE(ipv6->Contains(Address("ff35:0:1::1")));
  EXPECT_FALSE(ipv6->Contains(Address("ff3e:40::1")));
  EXPECT_FALSE(ipv6->Contains(Address("ff1e::1")));
  for (const char* text : {"", "232.0.0.0", "232.0.0.0/33", "10.0.0.0/8", "232.0.0.0/", "/8",
                           "ff30::/129", "ff30::/x", "2001:db8::/32", "232.0.0.0/8 "}) {
    EXPECT_FALSE(GroupRange::Parse(text)) << text;
  }
}

TEST(RecordRateTest, EachHostHasASecondsWorthAtOnceAndThenItsRate) {
  RecordRate rate(10);
  MonoTime now{};
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += rate.Take(Address("fe80::a"), now) ? 1 : 0;
  EXPECT_EQ(taken, 10);
  EXPECT_TRUE(rate.Take(Address("fe80::b"), now)) << "another host's share is its own";
  now += 250ms;
  taken = 0;
  for (int i = 0; i < 100; ++i) taken += rate.Take(Address("fe80::a"), now) ? 1 : 0;
  EXPECT_EQ(taken, 2);
}

class RatedTest : public TableTest {
 protected:
  RatedTest() : TableTest({.ipv4 = {}, .ipv6 = {}, .table = {.records_per_second_max = 5}}) {}
};

TEST_F(RatedTest, AtTheRateNewStateIsRefusedAndOldStateLivesOn) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  Advance(5s);
  for (int i = 1; i <= 9; ++i) Report(kHost, kToExclude, "ff3e:40::" + std::to_string(i));
  EXPECT_EQ(link_.table().group_count(), 6u);
  EXPECT_EQ(Ignored(IgnoreReason::kRateLimit), 4u);
  Report(kHost, kIsExclude, kGroup);
  Advance(269s);
  EXPECT_NE(Find(kGroup), nullptr) << "kept alive by what came beyond the rate";
  Report(kHost2, kToExclude, "ff3e:40::99");
  EXPECT_NE(Find("ff3e:40::99"), nullptr) << "others are not held up";
}

class NewOnlyTest : public TableTest {
 protected:
  NewOnlyTest()
      : TableTest(
            {.ipv4 = {.compatibility = false}, .ipv6 = {.compatibility = false}, .table = {}}) {}
};

TEST_F(NewOnlyTest, WithoutCompatibilityOlderReportsAreIgnored) {
  UpAndSynced();
  Older(Version::kMldV1, kHost, kIsExclude, kGroup);
  Older(Version::kIgmpV1, kHost4, kIsExclude, kGroup4);
  Older(Version::kIgmpV2, kHost4, kIsExclude, kGroup4);
  EXPECT_EQ(link_.table().group_count(), 0u);
  EXPECT_EQ(Ignored(IgnoreReason::kOlderVersion), 3u);
  Packet(QueryPacket("192.0.2.9", General(Version::kIgmpV2)));
  EXPECT_EQ(link_.querier(IpAddress::Family::kIpv4).version(), Version::kIgmpV3);
}

class MappedTest : public TableTest {
 protected:
  MappedTest()
      : TableTest(
            {.ipv4 = {},
             .ipv6 = {},
             .table = {.ssm_mapping = {{*GroupRange::Parse("232.1.0.0/16"), Address("192.0.2.99")},
                                       {*GroupRange::Parse("ff30::/96"), Address(kSource)}}}}) {}
};

TEST_F(MappedTest, AJoinWithoutASourceIsOneOfTheMappedSource) {
  UpAndSynced();
  Older(Version::kIgmpV2, kHost4, kIsExclude, "232.1.2.3");
  ASSERT_NE(Find("232.1.2.3"), nullptr);
  EXPECT_EQ(Find("232.1.2.3")->mode(), FilterMode::kInclude);
  EXPECT_THAT(Sources("232.1.2.3"), ElementsAre("192.0.2.99"));
  Report(kHost, kToExclude, kSsm);
  EXPECT_THAT(Sources(kSsm), ElementsAre(kSource));
  Older(Version::kIgmpV2, kHost4, kIsExclude, "232.2.2.3");
  EXPECT_EQ(Find("232.2.2.3"), nullptr) << "not mapped";
}

TEST_F(MappedTest, ALeaveEndsIt) {
  UpAndSynced();
  Older(Version::kMldV1, kHost, kIsExclude, kSsm);
  Older(Version::kMldV1, kHost, kToInclude, kSsm);
  EXPECT_THAT(SentAbout(kSsm), SizeIs(1));
  Advance(2s);
  EXPECT_EQ(Find(kSsm), nullptr);
  Report(kHost, kToExclude, kSsm);
  Report(kHost, kToInclude, kSsm);
  EXPECT_EQ(Find(kSsm), nullptr);
}

TEST_F(TableTest, AListOfImpossibleSourcesIsNoLeave) {
  UpAndSynced();
  Report(kHost, kToExclude, kGroup);
  Report(kHost, kToInclude, kGroup, {"ff02::1"});
  EXPECT_THAT(Hosts(kGroup), ElementsAre(kHost));
  EXPECT_EQ(Ignored(IgnoreReason::kBadSources), 1u);
  Report(kHost2, kToExclude, kGroup, {"ff02::1"});
  EXPECT_THAT(Hosts(kGroup), SizeIs(2)) << "who refuses an impossible source wants all";
}

TEST_F(TableTest, SourcesBeyondTheLimitDoNotEndThoseBefore) {
  Options options;
  options.table.sources_per_group_max = 2;
  link_.SetOptions(options, now_);
  UpAndSynced();
  Report(kHost, kAllow, kSsm, {"2001:db8::8", "2001:db8::9"});
  Report(kHost2, kToInclude, kSsm, {"2001:db8::1", "2001:db8::2", "2001:db8::8", "2001:db8::9"});
  EXPECT_THAT(SentAbout(kSsm), IsEmpty());
  EXPECT_THAT(Sources(kSsm), ElementsAre("2001:db8::8", "2001:db8::9"));
  EXPECT_EQ(Ignored(IgnoreReason::kSourceLimit), 2u);
}

TEST_F(TableTest, TheSsmRangeIsAWholeBlock) {
  UpAndSynced();
  Report(kHost, kToExclude, "ff3e:0:1::8000:1");
  EXPECT_EQ(Ignored(IgnoreReason::kSsmRange), 1u) << "ff3x::/32 (RFC 4607 section 1)";
  Report(kHost, kAllow, "ff3e:0:1::8000:1", {kSource});
  EXPECT_EQ(link_.table().group_count(), 1u);
}

// RFC 9776 section 7.3.2: the older versions' timers, one after the other.
TEST_F(TableTest, AGroupReturnsToTheNewestVersionWhenItsOlderHostsHaveGone) {
  UpAndSynced();
  Report("192.0.2.30", kToExclude, kGroup4, {"198.51.100.1"});
  Older(Version::kIgmpV2, kHost4, kIsExclude, kGroup4);
  Advance(100s);
  Report("192.0.2.30", kIsExclude, kGroup4);
  Report("192.0.2.30", kToExclude, kGroup4, {"198.51.100.1"});
  EXPECT_THAT(Sources(kGroup4), IsEmpty()) << "the list of TO_EX is ignored";
  Report("192.0.2.30", kBlock, kGroup4, {"198.51.100.1"});
  Advance(3s);
  EXPECT_THAT(Sources(kGroup4), IsEmpty()) << "BLOCK is ignored";
  Advance(157s);
  Report("192.0.2.30", kIsExclude, kGroup4, {"198.51.100.1"});
  Report("192.0.2.30", kBlock, kGroup4, {"198.51.100.1"});
  Advance(3s);
  EXPECT_THAT(Sources(kGroup4), ElementsAre("198.51.100.1")) << "260 s after the last older report";
}

TEST_F(TableTest, AV1HostOutlivesAV2Host) {
  UpAndSynced();
  Older(Version::kIgmpV1, kHost4, kIsExclude, kGroup4);
  Advance(200s);
  Older(Version::kIgmpV2, "192.0.2.31", kIsExclude, kGroup4);
  Older(Version::kIgmpV2, "192.0.2.31", kToInclude, kGroup4);
  EXPECT_THAT(SentAbout(kGroup4), IsEmpty()) << "IGMPv1 hosts cannot answer for themselves";
  Advance(61s);
  Older(Version::kIgmpV2, "192.0.2.31", kToInclude, kGroup4);
  EXPECT_THAT(SentAbout(kGroup4), SizeIs(1)) << "back in IGMPv2 mode";
}

}  // namespace
}  // namespace headwater::membership
