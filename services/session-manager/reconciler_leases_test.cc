// DVB: sessions and the leases of their services at the tuner.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LeaseTest : public ::testing::Test {
 protected:
  void SetUp() override { Boot({}); }
  void TearDown() override { EXPECT_THAT(world_->broken_rules(), IsEmpty()); }
  void Boot(WorldOptions options) {
    world_ = std::make_unique<SimWorld>(options);
    world_->Boot();
  }
  void Play() {
    world_->Join(group_, "lan");
    world_->Advance(1s);
    ASSERT_EQ(world_->StateOf(group_), State::kLive);
    world_->ForgetCalls();
  }
  std::string ErrorOf(const std::string& group) { return world_->Find(group)->error; }
  SimWorld& world() { return *world_; }

  std::unique_ptr<SimWorld> world_;
  const std::string group_ = DvbGroup(1, 0x10);
  const uint32_t number_ = DvbNumber(1, 0x10);
};

TEST_F(LeaseTest, AJoinTunesAnnouncesAndSends) {
  world().Join(group_, "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  std::vector<std::string> texts;
  for (const auto& call : world().calls()) texts.push_back(call.text);
  EXPECT_THAT(texts,
              ElementsAre("resolve c0010010", "apply " + group_ + " links=lan transmit=0 ssrc=0",
                          "acquire c0010010 carrier 1 feed=[::1]:40000 priority=40",
                          // Its source, told with the first word of the lease.
                          "apply " + group_ + " links=lan transmit=0 ssrc=0",
                          // Locked.
                          "announce " + group_ + " lan:1 title= origin=0",
                          "apply " + group_ + " links=lan transmit=1 ssrc=0", "play c0010010 ok"));
  EXPECT_THAT(world().StepsOf(group_), ElementsAre("report", "resolve", "start", "format_known",
                                                   "tuner", "tuner", "sap", "rtp", "tuner"));
  world().Leave(group_, "lan");
  world().Advance(4s);
  EXPECT_THAT(world().Leases(), IsEmpty());
  EXPECT_THAT(world().Running(), IsEmpty());
  EXPECT_EQ(world().Count("release"), 1u);
  EXPECT_THAT(world().reconciler().tuner().leases, IsEmpty());
}

TEST_F(LeaseTest, BothFamiliesShareTheLease) {
  PlanConfig plan = SimWorld::DefaultPlan(3s, 10s);
  plan.bindings = {{.group = *IpAddress::Parse("239.1.2.3"), .number = number_}};
  world().SetPlan(plan);
  Play();
  world().Join("239.1.2.3", "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf("239.1.2.3"), State::kLive);
  EXPECT_EQ(world().Count("acquire"), 0u);
  world().Leave(group_, "lan");
  world().Advance(10s);
  EXPECT_THAT(world().Leases(), ElementsAre(number_));
  world().Leave("239.1.2.3", "lan");
  world().Advance(10s);
  EXPECT_THAT(world().Leases(), IsEmpty());
}

TEST_F(LeaseTest, TheSecondFamilyGoesToTheSameSender) {
  Boot({.senders = 2});
  PlanConfig plan = SimWorld::DefaultPlan(3s, 10s);
  plan.bindings = {{.group = *IpAddress::Parse("239.1.2.3"), .number = number_}};
  world().SetPlan(plan);
  world().SetLegUp(0, "lan", false);
  world().Advance(1s);
  Play();
  world().SetLegUp(0, "lan", true);
  world().Join("239.1.2.3", "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf("239.1.2.3"), State::kLive);
  EXPECT_NE(world().PackagerHas(1, "239.1.2.3"), nullptr);
}

TEST_F(LeaseTest, TheEventIsAnnouncedWithItsTimeAndKeptWhileTheTunerIsAway) {
  Play();
  EXPECT_EQ(world().AnnouncerHas(0, group_)->info.name, "Station c0010010");
  world().SetEvent(number_, "BBC Radio 1", "Breakfast");
  world().Advance(1s);
  const StreamInfo info = world().AnnouncerHas(0, group_)->info;
  EXPECT_EQ(info.name, "BBC Radio 1");
  EXPECT_EQ(info.title, "Breakfast");
  EXPECT_NE(info.began, absl::InfinitePast());
  world().KillTuner();
  world().Advance(1s);
  world().StartTuner();
  world().Advance(1s);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->info, info) << "its tables are not read again yet";
  world().SetEvent(number_, "BBC Radio 1", "News");
  world().Advance(1s);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->info.title, "News");
}

TEST_F(LeaseTest, WithoutAFreeTunerItFailsAndStartsByItselfWhenOneIsFreed) {
  world().Join(DvbGroup(1, 1), "lan");
  world().Join(DvbGroup(2, 1), "lan");
  world().Advance(1s);
  const std::string third = DvbGroup(3, 1);
  world().Join(third, "lan");
  world().Join(DvbGroup(4, 1), "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(third), State::kFailed);
  EXPECT_EQ(ErrorOf(third), "tuner: every tuner is taken");
  EXPECT_EQ(world().Find(third)->failure, "tuner");
  EXPECT_EQ(world().reconciler().waiting_for_tuner(), 2u);
  // Until the wait has grown.
  world().Advance(200s);
  const size_t tries = world().Count("acquire c0030001");
  EXPECT_LE(tries, 12u);
  EXPECT_EQ(world().Count("play c0030001"), 0u) << "the station is not to blame";
  world().Leave(DvbGroup(1, 1), "lan");
  world().Advance(3s + 600ms);
  EXPECT_EQ(world().StateOf(third), State::kLive) << "it had waited longest";
  EXPECT_EQ(world().StateOf(DvbGroup(4, 1)), State::kFailed);
  EXPECT_EQ(world().StateOf(DvbGroup(2, 1)), State::kLive);
}

TEST_F(LeaseTest, ACarrierWhereAllSessionsLingerGoesToAListenerWhoWaits) {
  const std::string kept = DvbGroup(1, 1);
  world().Join(kept, "lan");
  world().Join(DvbGroup(2, 1), "lan");
  world().Join(DvbGroup(2, 2), "lan");
  world().Join(DvbGroup(1, 2), "lan");
  world().Advance(2s);
  // On the first carrier one still listens, on the second nobody does.
  world().Leave(DvbGroup(1, 2), "lan");
  world().Leave(DvbGroup(2, 1), "lan");
  world().Leave(DvbGroup(2, 2), "lan");
  world().Advance(100ms);
  ASSERT_EQ(world().StateOf(DvbGroup(2, 1)), State::kLingering);
  const std::string third = DvbGroup(3, 1);
  world().Join(third, "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(third), State::kLive) << "long before the linger is over";
  EXPECT_EQ(world().StateOf(kept), State::kLive);
  EXPECT_EQ(world().StateOf(DvbGroup(1, 2)), State::kLingering);
  EXPECT_EQ(world().StateOf(DvbGroup(2, 1)), State::kIdle);
  EXPECT_EQ(world().StateOf(DvbGroup(2, 2)), State::kIdle);
}

TEST_F(LeaseTest, WhoeverWaitsForACarrierSharesItAsSoonAsItIsTuned) {
  Boot({.receivers = 1});
  world().Join(DvbGroup(1, 1), "lan");
  world().Advance(1s);
  world().Join(DvbGroup(2, 1), "lan");
  world().Join(DvbGroup(2, 2), "lan");
  world().Advance(100s);
  world().Leave(DvbGroup(1, 1), "lan");
  world().Advance(3s + 1100ms);
  EXPECT_EQ(world().StateOf(DvbGroup(2, 1)), State::kLive);
  EXPECT_EQ(world().StateOf(DvbGroup(2, 2)), State::kLive);
}

TEST_F(LeaseTest, ManyThatWaitAreWokenAFewAtATime) {
  Boot({.receivers = 1});
  world().Join(DvbGroup(1, 1), "lan");
  world().Advance(1s);
  for (int i = 2; i < 42; ++i) world().Join(DvbGroup(i, 1), "lan");
  // Their own retries are a minute apart by now.
  world().Advance(300s);
  world().ForgetCalls();
  world().Leave(DvbGroup(1, 1), "lan");
  world().Advance(300ms);
  EXPECT_LE(world().Count("acquire"), Reconciler::kWokenPerRelease + 3);
  EXPECT_GE(world().Count("acquire"), 1u);
}

TEST_F(LeaseTest, ALeaseThatFailsEndsTheSessionAndIsGivenBackAndTriedAgainInItsTime) {
  Play();
  world().SetLease(number_, LeaseState::kFailed, "no lock on carrier 1", "no_lock");
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
  EXPECT_EQ(ErrorOf(group_), "tuner: no lock on carrier 1");
  EXPECT_EQ(world().Count("release"), 1u);
  EXPECT_EQ(world().Count("stop"), 1u);
  EXPECT_EQ(world().Count("acquire"), 0u) << "its own end wakes it not";
  EXPECT_EQ(world().reconciler().waiting_for_tuner(), 0u);
  world().Advance(2s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
}

TEST_F(LeaseTest, WhatRunsOutlivesARefusedChangeButNotTheLossOfItsLease) {
  Play();
  // Another manager is at work.
  world().tuner_errors[number_] = absl::FailedPreconditionError("epoch 0 is lower than 1");
  PlanConfig plan = SimWorld::DefaultPlan(3s, 10s);
  plan.directories[2].priority = 90;
  world().SetPlan(plan);
  world().Advance(5s);
  EXPECT_GE(world().Count("acquire"), 1u);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  world().KillTuner();
  world().StartTuner();
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
}

TEST_F(LeaseTest, APreemptedOneWaitsForATuner) {
  Play();
  world().tuner_errors[number_] = absl::ResourceExhaustedError("taken by a higher one");
  world().SetLease(number_, LeaseState::kFailed, "preempted", "preempted");
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
  EXPECT_EQ(world().reconciler().waiting_for_tuner(), 1u);
  world().Leave(group_, "lan");
  world().Advance(100ms);
  EXPECT_EQ(world().reconciler().waiting_for_tuner(), 0u);
}

TEST_F(LeaseTest, ALostCarrierIsToldAndBridged) {
  Play();
  world().SetLease(number_, LeaseState::kLost, "lock lost");
  world().Advance(5s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  const auto steps = world().Find(group_)->timeline.Steps();
  const auto lost = std::find_if(steps.begin(), steps.end(), [](const TimelineStep& step) {
    return step.text.find("lock lost") != std::string::npos;
  });
  ASSERT_NE(lost, steps.end());
  EXPECT_EQ(lost->text, "lost: carrier 1 on adapter0: lock lost");
  world().SetLease(number_, LeaseState::kSending);
  world().Advance(1s);
  EXPECT_EQ(world().Sent(group_), "lan");
  EXPECT_EQ(ErrorOf(group_), "");
  EXPECT_EQ(world().Count("acquire") + world().Count("stop"), 0u);
}

TEST_F(LeaseTest, ATunerThatWasKilledIsToldItsLeasesAgain) {
  Play();
  world().KillTuner();
  world().Advance(3s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().PackagerHas(0, group_)->state, PackagerState::kSilent);
  world().StartTuner();
  world().Advance(1s);
  EXPECT_EQ(world().Sent(group_), "lan");
  EXPECT_EQ(world().Count("stop") + world().Count("delete") + world().Count("release"), 0u);
}

TEST_F(LeaseTest, APackagerThatWasKilledHasANewFeedWhichTheTunerIsTold) {
  Play();
  const std::string before = world().FeedOf(number_);
  world().KillPackager(0);
  world().Advance(1s);
  world().StartPackager(0);
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Sent(group_), "lan");
  EXPECT_NE(world().FeedOf(number_), before);
  EXPECT_EQ(world().Count("release"), 0u) << "the tuner stays where it is";
}

TEST_F(LeaseTest, ANewManagerAdoptsSessionAndLease) {
  Play();
  world().SetEvent(number_, "BBC Radio 1", "Breakfast");
  world().Advance(1s);
  const std::string feed = world().FeedOf(number_);
  world().ForgetCalls();
  world().RestartManager();
  world().Advance(10s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().FeedOf(number_), feed);
  EXPECT_EQ(world().Sent(group_), "lan");
  EXPECT_THAT(world().StepsOf(group_), Not(Contains("silent")));
  EXPECT_EQ(world().Count("stop") + world().Count("delete") + world().Count("release"), 0u);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->info.title, "Breakfast");
  world().Leave(group_, "lan");
  world().Advance(4s);
  EXPECT_THAT(world().Leases(), IsEmpty());
}

TEST_F(LeaseTest, ANewManagerGivesNothingBackBeforeItKnowsWhoListens) {
  Play();
  world().RestartManagerBlind();
  world().Advance(100s);
  EXPECT_THAT(world().Leases(), ElementsAre(number_));
  EXPECT_EQ(world().Sent(group_), "lan");
  world().StartWatcher(0, true);
  world().Advance(10s);
  EXPECT_EQ(world().Count("release") + world().Count("stop"), 0u);
}

TEST_F(LeaseTest, ANewManagerGivesBackWhatNobodyHears) {
  Play();
  world().KillPackager(0);
  world().Leave(group_, "lan");
  world().RestartManager();
  world().StartPackager(0);
  world().Advance(10s);
  EXPECT_THAT(world().Leases(), IsEmpty());
}

TEST_F(LeaseTest, LeasesOfOthersAreLeftAlone) {
  Actions actions;
  Reconciler reconciler({}, {.watchers = 0, .senders = 0}, {}, 1, {});
  reconciler.OnTunerConnected();
  reconciler.OnLease({.number = 0xc0010001, .holder = "a person's signal meter"}, {}, actions);
  reconciler.OnLease({.number = 0xc0010002, .holder = "0xc0010002 Radio"}, {}, actions);
  reconciler.OnTunerSynced({}, actions);
  reconciler.OnTime({MonoTime{} + 1h, {}}, actions);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<ReleaseLease>(actions[0]).number, 0xc0010002u);
}

TEST_F(LeaseTest, WithoutADvbTunerTheStartFailsAndSaysSo) {
  world().KillTuner();
  world().Join(group_, "lan");
  world().Advance(10500ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
  EXPECT_THAT(ErrorOf(group_), HasSubstr("dvb-tuner is not connected"));
  EXPECT_EQ(world().Find(group_)->failure, "tuner");
}

TEST_F(LeaseTest, ACallThatFailsIsMadeAgain) {
  world().FailCalls("acquire", 3);
  world().FailCalls("release", 3);
  world().Join(group_, "lan");
  world().Advance(3s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("acquire"), 4u);
  world().Leave(group_, "lan");
  world().Advance(6s);
  EXPECT_THAT(world().Leases(), IsEmpty());
  EXPECT_EQ(world().Count("release"), 4u);
}

}  // namespace
}  // namespace headwater::session_manager
