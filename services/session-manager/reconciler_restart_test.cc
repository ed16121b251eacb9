// Services die and come back: what runs goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RestartTest : public ::testing::Test {
 protected:
  void SetUp() override { Boot({}); }
  void TearDown() override { EXPECT_THAT(world_->broken_rules(), IsEmpty()); }
  void Boot(WorldOptions options) {
    world_ = std::make_unique<SimWorld>(options);
    world_->Boot();
    world_->Join(group_, "lan");
    world_->Advance(1s);
    ASSERT_EQ(world_->StateOf(group_), State::kLive);
    ssrc_ = world_->PackagerHas(0, group_)->ssrc;
    world_->ForgetCalls();
  }
  SimWorld& world() { return *world_; }

  std::unique_ptr<SimWorld> world_;
  uint32_t ssrc_ = 0;
  const std::string group_ = GroupOf(1);
};

TEST_F(RestartTest, AWatcherThatComesBackEmptyAndWarmingStopsNothing) {
  world().KillWatcher(0);
  world().Advance(2s);
  world().StartWatcher(0, /*members_answer=*/false);
  world().Advance(100s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_THAT(world().calls(), IsEmpty());
}

TEST_F(RestartTest, AWatcherWhoseMembersAnswerGoesOn) {
  world().KillWatcher(0);
  world().StartWatcher(0, /*members_answer=*/true);
  world().Advance(1s);
  world().SetLinkSync(0, LinkSync::kSynced);
  world().Advance(100s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("apply"), 0u);
  EXPECT_EQ(world().Count("stop"), 0u);
}

TEST_F(RestartTest, ASyncedEmptyTableEndsAfterTheLinger) {
  world().KillWatcher(0);
  world().StartWatcher(0, /*members_answer=*/false);
  world().Advance(1s);
  world().SetLinkSync(0, LinkSync::kSynced);
  world().Advance(2900ms);
  EXPECT_EQ(world().StateOf(group_), State::kLingering);
  world().Advance(200ms);
  EXPECT_THAT(world().Running(), IsEmpty());
}

TEST_F(RestartTest, AWatcherThatStaysAwayEndsItAfterTheListenerInterval) {
  world().KillWatcher(0);
  world().Advance(269s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  world().Advance(5s);
  EXPECT_THAT(world().Running(), IsEmpty());
}

TEST_F(RestartTest, ALinkThatGoesDownEndsNothingForTheListenerInterval) {
  world().SetLinkSync(0, LinkSync::kDown);
  world().Leave(group_, "lan");
  world().Advance(200s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  world().Advance(80s);
  EXPECT_THAT(world().Running(), IsEmpty());
}

TEST_F(RestartTest, ALatecomerAfterAWatchersRestartIsAnnouncedTo) {
  world().Join(group_, "lan");
  world().Join(group_, "lan");
  world().Advance(1s);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->links[0].joins_total, 3u);
  world().KillWatcher(0);
  world().StartWatcher(0, /*members_answer=*/false);
  world().Advance(1s);
  world().Join(group_, "lan");
  world().Advance(1s);
  EXPECT_GT(world().AnnouncerHas(0, group_)->links[0].joins_total, 3u);
}

TEST_F(RestartTest, ANewManagerAdoptsWhatRuns) {
  world().SetTitle(group_, "Blue in Green");
  world().Advance(1s);
  const uint64_t origin = world().AnnouncerHas(0, group_)->origin.id;
  world().RestartManager();
  world().Advance(10s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("stop"), 0u);
  EXPECT_EQ(world().Count("delete"), 0u);
  EXPECT_EQ(world().PackagerHas(0, group_)->ssrc, ssrc_);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->origin.id, origin);
  EXPECT_EQ(world().StepsOf(group_).front(), "source_requested");
  EXPECT_EQ(world().reconciler().stats().adopted_total, 1u);
  // And it measures nothing of a start that was not its own.
  world().Leave(group_, "lan");
  world().Advance(4s);
  EXPECT_THAT(world().Running(), IsEmpty());
}

TEST_F(RestartTest, ANewManagerStopsNothingBeforeTheWatchersAreSynced) {
  world().RestartManagerBlind();
  world().Advance(100s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("stop") + world().Count("delete"), 0u);
  world().StartWatcher(0, true);
  world().Advance(10s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("stop") + world().Count("delete"), 0u);
}

TEST_F(RestartTest, ANewManagerEndsWhatNobodyHearsOnceItKnows) {
  world().Leave(group_, "lan");
  world().RestartManager();
  world().Advance(5s);
  EXPECT_THAT(world().Running(), IsEmpty());
}

TEST_F(RestartTest, ANewManagerThatHearsOfNoWatcherEndsAfterTheListenerInterval) {
  world().KillWatcher(0);
  world().RestartManagerBlind();
  world().Advance(269s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  world().Advance(5s);
  EXPECT_THAT(world().Running(), IsEmpty());
}

TEST_F(RestartTest, ANewManagerWithoutResolverLetsItRun) {
  world().KillResolver();
  world().RestartManager();
  world().Advance(100s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("stop") + world().Count("delete"), 0u);
}

TEST_F(RestartTest, ANewManagerWaitsForAPackagerThatIsAway) {
  world().KillPackager(0);
  world().RestartManager();
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kResolving);
  world().StartPackager(0);
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("delete"), 0u);
}

TEST_F(RestartTest, AKilledPackagerSendsAgainWithTheSameFormatAndSsrc) {
  world().KillPackager(0);
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  world().StartPackager(0);
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Sent(group_), "lan");
  EXPECT_EQ(world().PackagerHas(0, group_)->ssrc, ssrc_);
  EXPECT_EQ(world().PackagerHas(0, group_)->last_sent.timestamp, 2u) << "goes on from the first";
  EXPECT_EQ(world().Count("delete") + world().Count("stop"), 0u);
  // One call is enough: the announcement is out already.
  EXPECT_EQ(world().Count("apply"), 1u);
}

TEST_F(RestartTest, AKilledAnnouncerGoesOnAsTheSameOrigin) {
  const uint64_t origin = world().AnnouncerHas(0, group_)->origin.id;
  world().KillAnnouncer(0);
  world().Advance(1s);
  world().StartAnnouncer(0);
  world().Advance(100ms);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->origin.id, origin);
  EXPECT_EQ(world().Count("apply") + world().Count("stop"), 0u);
}

TEST_F(RestartTest, AnAnnouncerIsToldWhetherItsTextsChangedWhileItWasAway) {
  world().KillAnnouncer(0);
  world().Advance(1s);
  world().StartAnnouncer(0);
  world().Advance(100ms);
  EXPECT_FALSE(world().AnnouncerHas(0, group_)->changed);
  world().KillAnnouncer(0);
  world().SetTitle(group_, "Blue in Green");
  world().Advance(1s);
  world().StartAnnouncer(0);
  world().Advance(100ms);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->info.title, "Blue in Green");
  EXPECT_TRUE(world().AnnouncerHas(0, group_)->changed);
}

TEST_F(RestartTest, TextsWithoutATimeHaveOneAndKeepItOverAnyRestart) {
  const StreamInfo info = world().AnnouncerHas(0, group_)->info;
  EXPECT_EQ(world().PackagerHas(0, group_)->info.began, absl::InfinitePast());
  EXPECT_NE(info.began, absl::InfinitePast());
  EXPECT_EQ(info.name, "Station 80000001");
  world().RestartManager();
  world().Advance(10s);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->info, info);
  world().KillPackager(0);
  world().StartPackager(0);
  world().Advance(10s);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->info, info);
}

TEST_F(RestartTest, AStopThatAnAwayPackagerMissedIsMadeUpFor) {
  world().Leave(group_, "lan");
  world().FailCalls("stop", 1000);
  world().Advance(20s);
  EXPECT_EQ(world().Running().size(), 1u);
  world().FailCalls("stop", 0);
  world().Advance(6s);
  EXPECT_THAT(world().Running(), IsEmpty());
  EXPECT_THAT(world().reconciler().sessions(), IsEmpty());
}

TEST_F(RestartTest, AMoreThanOnceClaimedLinkIsAnAlarm) {
  Boot({.watchers = 2});
  Actions actions;
  Reconciler reconciler({}, {.watchers = 2, .senders = 0}, {}, 1, {});
  reconciler.OnWatcherConnected(0, {}, actions);
  reconciler.OnWatcherConnected(1, {}, actions);
  reconciler.OnLink(0, "lan", LinkSync::kSynced, {}, actions);
  EXPECT_THAT(actions, IsEmpty());
  reconciler.OnLink(1, "lan", LinkSync::kSynced, {}, actions);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<Alarm>(actions[0]).text, "link lan is claimed by several membership-watchers");
}

TEST_F(RestartTest, OneWatcherForEachOfManyLinksIsNoneTooMany) {
  Boot({.watchers = 2});
  constexpr size_t kWatchers = 20;
  Actions actions;
  Reconciler reconciler({}, {.watchers = kWatchers - 1, .senders = 0}, {}, 1, {});
  reconciler.AddWatcher();
  for (size_t i = 0; i < kWatchers; ++i) {
    reconciler.OnWatcherConnected(i, {}, actions);
    reconciler.OnLink(i, "vlan" + std::to_string(i), LinkSync::kSynced, {}, actions);
    EXPECT_FALSE(reconciler.membership().AllSynced());
    reconciler.OnWatcherSynced(i, {}, actions);
  }
  EXPECT_TRUE(reconciler.membership().AllSynced());
  EXPECT_THAT(actions, IsEmpty());
  reconciler.OnLink(kWatchers - 1, "vlan7", LinkSync::kSynced, {}, actions);
  EXPECT_THAT(reconciler.doubly_claimed_links(), ElementsAre("vlan7"));
  // Its first claimant is gone: it is one watcher's again.
  reconciler.OnWatcherDisconnected(7, {}, actions);
  EXPECT_THAT(reconciler.doubly_claimed_links(), IsEmpty());
  EXPECT_EQ(actions.size(), 1u);
}

}  // namespace
}  // namespace headwater::session_manager
