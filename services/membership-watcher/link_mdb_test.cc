#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/membership-watcher/testing/link_fixture.h"

namespace headwater::membership {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum RecordType;

// A link whose listeners are known by the database of the bridge that it is.
class LinkMdbTest : public LinkFixture {
 protected:
  LinkMdbTest() : LinkFixture({.observe = Observe::kMdb, .table = {.groups_max = 3}}) {}

  static PortReport Port(uint32_t port, RecordType type, const char* group,
                         std::vector<const char*> sources = {}) {
    PortReport report{PortAddress(port, 0), {type, Address(group), {}}};
    for (const char* source : sources) report.record.sources.push_back(Address(source));
    return report;
  }
  void All(const std::vector<PortReport>& all) {
    link_.OnMdb(all, now_, wall(), actions_);
    Drain();
  }
  void Change(const PortReport& change) {
    link_.OnMdbChange(change, now_, wall(), actions_);
    Drain();
  }
};

TEST_F(LinkMdbTest, IsSyncedOnceTheBridgeHasToldAll) {
  Up();
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
  Change(Port(3, kIsExclude, kGroup));
  EXPECT_THAT(log_, ElementsAre("link")) << "no change before the whole";
  All({Port(3, kIsExclude, kGroup), Port(4, kIsInclude, kSsm, {kSource})});
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
  EXPECT_EQ(log_.back(), "link") << "complete, after the groups";
  EXPECT_THAT(Hosts(kGroup), ElementsAre("::3"));
  EXPECT_THAT(Sources(kSsm), ElementsAre(kSource));
  EXPECT_EQ(Find(kSsm)->last_join(), wall());
  Advance(3600s);
  EXPECT_NE(Find(kGroup), nullptr) << "the bridge's timers count, not ours";
  EXPECT_THAT(sent_, IsEmpty()) << "the bridge asks";
  EXPECT_THAT(to_snoopers_, IsEmpty());
}

TEST_F(LinkMdbTest, PortsComeAndGoAndTheirWordIsExact) {
  Up();
  All({});
  Change(Port(3, kIsInclude, kSsm, {kSource, kSource2}));
  Change(Port(4, kIsInclude, kSsm, {kSource2}));
  EXPECT_EQ(Joins(kSsm), 2u);
  Change(Port(3, kIsInclude, kSsm, {kSource}));
  EXPECT_THAT(Sources(kSsm), ElementsAre(kSource, kSource2)) << "port 4 wants it";
  Change(Port(4, kIsInclude, kSsm));
  EXPECT_THAT(Sources(kSsm), ElementsAre(kSource));
  EXPECT_EQ(Joins(kSsm), 2u);
  Change(Port(3, kIsInclude, kSsm));
  EXPECT_EQ(Find(kSsm), nullptr);
  EXPECT_EQ(link_.table().entry_count(), 0u);
}

TEST_F(LinkMdbTest, ExcludeModesRefuseWhatAllRefuseAndNobodyWants) {
  Up();
  All({Port(3, kIsExclude, kGroup, {kSource, kSource2})});
  EXPECT_THAT(Sources(kGroup), ElementsAre(kSource, kSource2));
  Change(Port(4, kIsExclude, kGroup, {kSource}));
  EXPECT_THAT(Sources(kGroup), ElementsAre(kSource));
  Change(Port(5, kIsInclude, kGroup, {kSource}));
  EXPECT_EQ(Find(kGroup)->mode(), FilterMode::kExclude);
  EXPECT_THAT(Sources(kGroup), IsEmpty());
  Change(Port(3, kIsInclude, kGroup));
  Change(Port(4, kIsInclude, kGroup));
  EXPECT_EQ(Find(kGroup)->mode(), FilterMode::kInclude);
  EXPECT_THAT(Sources(kGroup), ElementsAre(kSource));
}

TEST_F(LinkMdbTest, AWholeReadingEndsWhatItDoesNotTell) {
  Up();
  All({Port(3, kIsExclude, kGroup), Port(4, kIsExclude, kGroup), Port(3, kIsExclude, kGroup4)});
  log_.clear();
  All({Port(4, kIsExclude, kGroup)});
  EXPECT_THAT(Hosts(kGroup), ElementsAre("::4"));
  EXPECT_EQ(Find(kGroup4), nullptr);
  log_.clear();
  All({Port(4, kIsExclude, kGroup)});
  EXPECT_THAT(log_, IsEmpty()) << "nothing new";
}

TEST_F(LinkMdbTest, RulesAndLimitsAreThoseOfReports) {
  Up();
  All({Port(3, kIsExclude, kSsm), Port(3, kIsExclude, "ff02::1:2"),
       Port(3, kIsExclude, "224.0.0.251")});
  EXPECT_EQ(link_.table().group_count(), 0u);
  for (const char* group : {"ff3e:40::1", "ff3e:40::2", "ff3e:40::3", "ff3e:40::4"}) {
    Change(Port(3, kIsExclude, group));
  }
  EXPECT_EQ(link_.table().group_count(), 3u);
  EXPECT_TRUE(link_.Raises(Alarm::kLimit, now_));
  Report(kHost, kToExclude, kGroup);
  EXPECT_EQ(Find(kGroup), nullptr) << "what is heard on the wire the bridge has heard too";
}

TEST_F(LinkMdbTest, ABridgeThatComesUpAgainIsGivenTheTimeToAsk) {
  Up();
  All({Port(3, kIsExclude, kGroup)});
  log_.clear();
  link_.OnInterface({}, now_, actions_);
  Drain();
  EXPECT_THAT(log_, ElementsAre("link", std::string("-") + kGroup));
  Up();
  All({});
  EXPECT_EQ(link_.sync(), LinkSync::kWarming);
  Advance(41s);
  Change(Port(3, kIsExclude, kGroup));
  EXPECT_EQ(link_.sync(), LinkSync::kWarming) << "125 s / 4 and 10 s";
  Advance(500ms);
  EXPECT_EQ(link_.sync(), LinkSync::kSynced);
  EXPECT_NE(Find(kGroup), nullptr);
  EXPECT_FALSE(link_.Raises(Alarm::kNoReports, now_ + 3600s));
}

}  // namespace
}  // namespace headwater::membership
