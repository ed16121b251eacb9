#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReconcilerTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_THAT(world_->broken_rules(), IsEmpty()); }
  void Make(WorldOptions options) { world_ = std::make_unique<SimWorld>(options); }
  SimWorld& world() { return *world_; }

  std::unique_ptr<SimWorld> world_ = std::make_unique<SimWorld>();
  const std::string group_ = GroupOf(1);
};

TEST_F(ReconcilerTest, StartsOnAJoinAndAnnouncesBeforeItTransmits) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  std::vector<std::string> texts;
  for (const auto& call : world().calls()) texts.push_back(call.text);
  EXPECT_THAT(texts,
              ElementsAre("resolve 80000001", "apply " + group_ + " links=lan transmit=0 ssrc=0",
                          "announce " + group_ + " lan:1 title= origin=0",
                          "apply " + group_ + " links=lan transmit=1 ssrc=0", "play 80000001 ok"));
  EXPECT_THAT(world().StepsOf(group_),
              ElementsAre("report", "resolve", "start", "source_requested", "source_answered",
                          "format_known", "sap", "rtp"));
}

TEST_F(ReconcilerTest, TimesAreMeasuredFromTheKernelsReport) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(100ms);
  world().Leave(group_, "lan");
  world().Advance(10s);
  std::map<Latency, absl::Duration> times;
  for (const Measured& measured : world().measured()) times[measured.latency] = measured.duration;
  EXPECT_EQ(times[Latency::kReportToRequest], absl::Milliseconds(2));
  EXPECT_EQ(times[Latency::kReportToSap], absl::Milliseconds(23));
  EXPECT_EQ(times[Latency::kReportToRtp], absl::Milliseconds(24));
  EXPECT_EQ(times[Latency::kLeaveToStop], absl::Milliseconds(3001));
  EXPECT_EQ(world().measured().size(), 4u);
}

TEST_F(ReconcilerTest, AnnouncesAKnownFormatBeforeTheSourceAnswers) {
  world().sources[0x80000001].open_delay = 300ms;
  world().known_formats[0x80000001] = {.encoding = "MPA", .payload_type = 14};
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(10ms);
  EXPECT_EQ(world().Announced(group_), "lan");
  EXPECT_EQ(world().AnnouncerHas(0, group_)->info.name, "Station 80000001");
  EXPECT_EQ(world().Count("apply " + group_ + " links=lan transmit=1"), 1u);
  EXPECT_EQ(world().StateOf(group_), State::kStarting);
  world().Advance(300ms);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("apply"), 2u);
  EXPECT_EQ(world().Count("announce"), 1u);
}

TEST_F(ReconcilerTest, APlayIsRememberedForTheNextStart) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().Leave(group_, "lan");
  world().Advance(5s);
  world().sources[0x80000001].open_delay = 300ms;
  world().Join(group_, "lan");
  world().Advance(10ms);
  EXPECT_EQ(world().Announced(group_), "lan");
}

TEST_F(ReconcilerTest, AFormatThatHasChangedSinceIsAskedForAtOnce) {
  world().known_formats[0x80000001] = {.encoding = "opus", .payload_type = 97};
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(200ms);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("delete"), 1u);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->format.encoding, "MPA");
  EXPECT_EQ(world().known_formats[0x80000001].encoding, "MPA");
}

TEST_F(ReconcilerTest, AFormatLearntBeforeTheContainerWasChangedIsNotAnnounced) {
  world().known_formats[0x80000001] = {.encoding = "MPA", .payload_type = 14};
  world().sources[0x80000001] = {.open_delay = 300ms, .encoding = "MP2T"};
  PlanConfig plan = SimWorld::DefaultPlan(3s, 10s);
  plan.directories[0].container = MediaContainer::kTransportStream;
  world().SetPlan(plan);
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(10ms);
  EXPECT_EQ(world().Announced(group_), "");
  EXPECT_EQ(world().PackagerHas(0, group_)->state, PackagerState::kOpening);
  world().Advance(400ms);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->format.encoding, "MP2T");
  EXPECT_EQ(world().Count("delete"), 0u);
}

TEST_F(ReconcilerTest, AFormatThatHasChangedIsTranscodedAndTheNextSessionHasIt) {
  world().known_formats[0x80000001] = {.encoding = "opus", .payload_type = 97};
  world().sources[0x80000001].transcodable = true;
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("delete"), 0u);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->format.encoding, "opus");
  EXPECT_EQ(world().known_formats[0x80000001].encoding, "MPA");
  world().Leave(group_, "lan");
  world().Advance(10s);
  world().Join(group_, "lan");
  world().Advance(1s);
  EXPECT_EQ(world().AnnouncerHas(0, group_)->format.encoding, "MPA");
}

TEST_F(ReconcilerTest, ARetryHearsTheSourceBeforeItAnnounces) {
  world().known_formats[0x80000001] = {.encoding = "MPA", .payload_type = 14};
  world().sources[0x80000001].error = "connection refused";
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(100s);
  EXPECT_GT(world().Count("apply"), 5u);
  EXPECT_EQ(world().Count("announce"), 1u);
  EXPECT_EQ(world().Count("delete"), 1u);
}

TEST_F(ReconcilerTest, IgnoresGroupsThatThePlanDoesNotHold) {
  world().Boot();
  world().Join("ff02::fb", "lan");
  world().Join("239.255.255.250", "lan");
  world().Advance(1s);
  EXPECT_THAT(world().calls(), IsEmpty());
  EXPECT_THAT(world().reconciler().sessions(), IsEmpty());
}

TEST_F(ReconcilerTest, ASecondStartTakesTheStationFromMemory) {
  world().Boot();
  world().Join(group_, "lan");
  world().Join("239.192.0.1", "lan");
  world().Advance(100ms);
  EXPECT_EQ(world().Count("resolve"), 1u);
  EXPECT_EQ(world().StateOf("239.192.0.1"), State::kLive);
}

TEST_F(ReconcilerTest, EndsWhenNobodyComesBackWithinTheLinger) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().Leave(group_, "lan");
  world().Advance(2900ms);
  EXPECT_EQ(world().StateOf(group_), State::kLingering);
  EXPECT_EQ(world().Sent(group_), "lan");
  world().Advance(200ms);
  EXPECT_EQ(world().Find(group_), nullptr);
  EXPECT_EQ(world().Count("stop"), 1u);
  EXPECT_EQ(world().Count("delete"), 1u);
  EXPECT_THAT(world().Running(), IsEmpty());
  EXPECT_EQ(world().StepsOf(group_).back(), "stop");
}

TEST_F(ReconcilerTest, ALingerOfNothingStopsAtOnce) {
  Make({.linger = 0s});
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().Leave(group_, "lan");
  world().Advance(10ms);
  EXPECT_THAT(world().Running(), IsEmpty());
}

TEST_F(ReconcilerTest, ARejoinDuringTheLingerGoesOnAndIsAnnouncedAtOnce) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().Leave(group_, "lan");
  world().Advance(2s);
  world().ForgetCalls();
  world().Join(group_, "lan");
  world().Advance(10s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("stop"), 0u);
  EXPECT_EQ(world().Count("apply"), 0u);
  EXPECT_EQ(world().Count("announce " + group_ + " lan:2"), 1u);
}

TEST_F(ReconcilerTest, ARejoinRightAfterTheEndWaitsForItAndStartsAnew) {
  Make({.linger = 0s});
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().Leave(group_, "lan");
  world().Join(group_, "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("stop"), 1u);
  EXPECT_EQ(world().PackagerHas(0, group_)->ssrc, 101u);
}

TEST_F(ReconcilerTest, ALatecomerIsAnnouncedToAtOnce) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().ForgetCalls();
  world().Join(group_, "lan");
  world().Advance(2ms);
  EXPECT_EQ(world().Count("announce " + group_ + " lan:2"), 1u);
  EXPECT_EQ(world().Count("apply"), 0u);
  world().Advance(1s);
  EXPECT_EQ(world().measured().back().latency, Latency::kLateJoinToSap);
  world().ForgetCalls();
  world().Leave(group_, "lan");
  world().Advance(10s);
  EXPECT_THAT(world().calls(), IsEmpty());
}

TEST_F(ReconcilerTest, TwoLinksShareOneSessionAndALinkEndsWithItsOwnLinger) {
  Make({.watchers = 2});
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().Join(group_, "vlan20");
  world().Advance(1s);
  EXPECT_EQ(world().Sent(group_), "lan,vlan20");
  EXPECT_EQ(world().Announced(group_), "lan,vlan20");
  EXPECT_EQ(world().reconciler().sessions().size(), 1u);
  world().Leave(group_, "lan");
  world().Advance(4s);
  EXPECT_EQ(world().Sent(group_), "vlan20");
  EXPECT_EQ(world().Announced(group_), "vlan20");
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Count("stop"), 0u);
}

TEST_F(ReconcilerTest, ATitleChangesTheAnnouncementAlone) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().ForgetCalls();
  world().SetTitle(group_, "So What");
  world().Advance(1s);
  EXPECT_EQ(world().Count("announce " + group_ + " lan:1 title=So What origin=1000"), 1u);
  EXPECT_EQ(world().calls().size(), 1u);
  EXPECT_EQ(world().StepsOf(group_).back(), "title");
}

TEST_F(ReconcilerTest, SilenceIsShownAndEndsNothing) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().GoSilent(group_, true);
  world().Advance(20s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Find(group_)->error, "the source is gone");
  world().GoSilent(group_, false);
  world().Advance(1s);
  EXPECT_EQ(world().Find(group_)->error, "");
}

TEST_F(ReconcilerTest, TransmitsAlsoWhenTheAnnouncerIsAway) {
  world().Boot();
  world().KillAnnouncer(0);
  world().Join(group_, "lan");
  world().Advance(400ms);
  EXPECT_EQ(world().StateOf(group_), State::kStarting);
  world().Advance(200ms);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  world().StartAnnouncer(0);
  world().Advance(100ms);
  EXPECT_EQ(world().Announced(group_), "lan");
}

TEST_F(ReconcilerTest, AFailedStartIsStoppedAndRetriedWithBackoff) {
  world().sources[0x80000001].error = "connection refused";
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
  EXPECT_EQ(world().Find(group_)->error, "connection refused");
  EXPECT_EQ(world().Count("stop"), 1u);
  EXPECT_EQ(world().Count("announce"), 0u);
  EXPECT_EQ(world().Count("play 80000001 connection refused"), 1u);
  world().Advance(1300ms);
  EXPECT_EQ(world().Count("apply"), 2u);
  world().Advance(600s);
  const size_t tries = world().Count("apply");
  EXPECT_GE(tries, 14u);
  EXPECT_LE(tries, 20u);
  world().sources[0x80000001].error.clear();
  world().Advance(80s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
}

TEST_F(ReconcilerTest, AFailedSessionWithoutMembersIsForgotten) {
  world().sources[0x80000001].error = "404";
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(100ms);
  world().Leave(group_, "lan");
  world().Advance(100ms);
  EXPECT_THAT(world().reconciler().sessions(), IsEmpty());
  EXPECT_NE(world().reconciler().FindEnded(ChannelOf(group_)), nullptr);
}

TEST_F(ReconcilerTest, AStartThatGetsNowhereTimesOut) {
  world().sources[0x80000001].stuck = true;
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(9900ms);
  EXPECT_EQ(world().StateOf(group_), State::kStarting);
  world().Advance(200ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
  EXPECT_THAT(world().Find(group_)->error, HasSubstr("no media within 10.0 s"));
  EXPECT_EQ(world().Find(group_)->failure, "timeout");
}

TEST_F(ReconcilerTest, ALiveSessionThatFailsIsDeletedAndStartedAnew) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().FailSession(group_, "silent for 60 s");
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
  EXPECT_EQ(world().Count("delete"), 1u);
  world().Advance(2s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().PackagerHas(0, group_)->ssrc, 101u);
}

TEST_F(ReconcilerTest, AStationThatNobodyKnowsFails) {
  world().resolve_errors[0x80000001] = absl::NotFoundError("no station 0x80000001 in radio");
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
  EXPECT_THAT(world().Find(group_)->error, HasSubstr("no station 0x80000001"));
  world().resolve_errors.clear();
  world().Advance(2s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
}

TEST_F(ReconcilerTest, AResolverThatIsAwayForAMomentDelaysTheStartOnly) {
  world().Boot();
  world().KillResolver();
  world().Join(group_, "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kResolving);
  world().StartResolver();
  world().Advance(500ms);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
}

TEST_F(ReconcilerTest, AListenerIntervalThatChangesHoldsForWhatIsUnknownAlready) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().KillWatcher(0);
  world().Advance(20s);
  world().SetOptions({.listener_interval = 30s});
  world().Advance(9s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  world().Advance(5s);
  EXPECT_THAT(world().Running(), IsEmpty());
}

TEST_F(ReconcilerTest, SsmChannelsNeedASourceOfOurs) {
  world().Boot();
  world().JoinSource("ff3e::8000:1", "2001:db8:1::1", "lan");
  world().JoinSource("ff3e::8000:2", "2001:db8:99::1", "lan");
  world().Advance(100ms);
  ASSERT_EQ(world().reconciler().sessions().size(), 1u);
  const Session& session = world().reconciler().sessions().begin()->second;
  EXPECT_EQ(session.channel.ToString(), "2001:db8:1::1@ff3e::8000:1");
  EXPECT_EQ(session.number, 0x80000001u);
  EXPECT_EQ(session.state, State::kLive);
}

TEST_F(ReconcilerTest, AMemberThatRefusesOurAddressIsNoListener) {
  world().Boot();
  world().JoinSource(group_, "2001:db8:99::1", "lan");
  world().Advance(100ms);
  EXPECT_THAT(world().reconciler().sessions(), IsEmpty());
  world().JoinSource(group_, "2001:db8:1::1", "lan");
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
}

TEST_F(ReconcilerTest, APlanThatDropsTheGroupEndsTheSession) {
  world().Boot();
  world().Join(group_, "lan");
  world().Join(kTone, "lan");
  world().Advance(1s);
  PlanConfig plan = SimWorld::DefaultPlan(3s, 10s);
  plan.prefixes.erase(plan.prefixes.begin());
  plan.windows.clear();
  world().SetPlan(plan);
  world().Advance(100ms);
  EXPECT_EQ(world().Find(group_), nullptr);
  EXPECT_EQ(world().StateOf(kTone), State::kLive);
  EXPECT_EQ(world().Running().size(), 1u);
}

TEST_F(ReconcilerTest, AGroupBoundToAnotherNumberStartsAnew) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  PlanConfig plan = SimWorld::DefaultPlan(3s, 10s);
  plan.bindings = {{.group = *IpAddress::Parse(group_), .number = kTestToneNumber}};
  world().SetPlan(plan);
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().PackagerHas(0, group_)->number, kTestToneNumber);
}

TEST_F(ReconcilerTest, ALinkWithoutASenderIsAnAlarmAndHealsWithTheLeg) {
  Make({.watchers = 2});
  world().Boot();
  world().SetLegUp(0, "vlan20", false);
  world().Join(group_, "vlan20");
  world().Advance(500ms);
  EXPECT_EQ(world().StateOf(group_), State::kFailed);
  EXPECT_EQ(world().Count("alarm no sender has a leg up in link vlan20"), 1u);
  EXPECT_TRUE(world().reconciler().unserved_links().contains("vlan20"));
  world().SetLegUp(0, "vlan20", true);
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_THAT(world().reconciler().unserved_links(), IsEmpty());
}

TEST_F(ReconcilerTest, ALegThatGoesDownAndUpKeepsTheSession) {
  world().Boot();
  world().Join(group_, "lan");
  world().Advance(1s);
  world().SetLegUp(0, "lan", false);
  world().Advance(10s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Sent(group_), "");
  world().SetLegUp(0, "lan", true);
  world().Advance(100ms);
  EXPECT_EQ(world().Sent(group_), "lan");
  EXPECT_EQ(world().Count("stop"), 0u);
}

TEST_F(ReconcilerTest, CallsThatFailAreTriedAgain) {
  world().Boot();
  for (const std::string call : {"apply", "announce", "stop", "delete"}) world().FailCalls(call, 2);
  world().Join(group_, "lan");
  world().Advance(2s);
  EXPECT_EQ(world().StateOf(group_), State::kLive);
  EXPECT_EQ(world().Announced(group_), "lan");
  world().Leave(group_, "lan");
  world().Advance(5s);
  EXPECT_THAT(world().Running(), IsEmpty());
  EXPECT_THAT(world().reconciler().sessions(), IsEmpty());
}

}  // namespace
}  // namespace headwater::session_manager
