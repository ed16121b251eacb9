// Limits and who gives way to whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LimitsTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_THAT(world_->broken_rules(), IsEmpty()); }
  void Make(WorldOptions options) { world_ = std::make_unique<SimWorld>(options); }
  SimWorld& world() { return *world_; }

  std::unique_ptr<SimWorld> world_ = std::make_unique<SimWorld>();
  const std::string group_ = GroupOf(1);
};

TEST_F(LimitsTest, SessionsMaxRefusesAndAdmitsWhenOneEnds) {
  Make({.reconciler = {.sessions_max = 2}});
  world().Boot();
  for (int i = 1; i <= 3; ++i) {
    world().Join(GroupOf(i), "lan");
    world().Advance(100ms);
  }
  EXPECT_EQ(world().StateOf(GroupOf(3)), State::kFailed);
  EXPECT_EQ(world().Find(GroupOf(3))->error, "refused: sessions_max");
  EXPECT_EQ(world().StepsOf(GroupOf(3)).back(), "refused");
  world().Advance(30s);
  EXPECT_EQ(world().StateOf(GroupOf(3)), State::kFailed);
  world().Leave(GroupOf(1), "lan");
  world().Advance(3100ms);
  EXPECT_EQ(world().StateOf(GroupOf(3)), State::kLive);
}

TEST_F(LimitsTest, AStartTakesThePlaceOfTheSessionThatHasLingeredLongest) {
  Make({.reconciler = {.sessions_max = 3}, .linger = 60s});
  world().Boot();
  for (int i = 1; i <= 3; ++i) world().Join(GroupOf(i), "lan");
  world().Advance(1s);
  world().Leave(GroupOf(2), "lan");
  world().Advance(1s);
  world().Leave(GroupOf(1), "lan");
  world().Advance(1s);
  world().Join(GroupOf(4), "lan");
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(GroupOf(4)), State::kLive);
  EXPECT_EQ(world().Find(GroupOf(2)), nullptr);
  EXPECT_EQ(world().StateOf(GroupOf(1)), State::kLingering);
  EXPECT_EQ(world().Running().size(), 3u);
  const Session* ended = world().reconciler().FindEnded(ChannelOf(GroupOf(2)));
  ASSERT_NE(ended, nullptr);
  const auto steps = ended->timeline.Steps();
  ASSERT_GE(steps.size(), 2u);
  EXPECT_EQ(steps[steps.size() - 2].step, "displaced");
  EXPECT_THAT(steps[steps.size() - 2].text, HasSubstr(GroupOf(4)));
  EXPECT_TRUE(world().reconciler().stats().refused_total.empty());
}

TEST_F(LimitsTest, ARefusedStartTakesAPlaceAsSoonAsItLingers) {
  Make({.reconciler = {.sessions_max = 1}, .linger = 60s});
  world().Boot();
  world().Join(GroupOf(1), "lan");
  world().Advance(1s);
  world().Join(GroupOf(2), "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(GroupOf(2)), State::kFailed);
  world().Leave(GroupOf(1), "lan");
  world().Advance(200ms);
  EXPECT_EQ(world().StateOf(GroupOf(2)), State::kLive);
  EXPECT_EQ(world().Running().size(), 1u);
}

TEST_F(LimitsTest, AStartThatHasToWaitForATokenEndsNobody) {
  Make({.reconciler = {.sessions_max = 1, .starts_per_second = 0.01, .starts_burst = 1},
        .linger = 60s});
  world().Boot();
  world().Join(GroupOf(1), "lan");
  world().Advance(1s);
  world().Leave(GroupOf(1), "lan");
  world().Join(GroupOf(2), "lan");
  world().Advance(10s);
  EXPECT_EQ(world().StateOf(GroupOf(1)), State::kLingering);
}

TEST_F(LimitsTest, APlaceInALinkGoesToWhereSomebodyListens) {
  Make({.reconciler = {.sessions_per_link_max = 1}, .watchers = 2, .linger = 60s});
  world().Boot();
  world().Join(GroupOf(1), "lan");
  world().Join(GroupOf(1), "vlan20");
  world().Advance(1s);
  world().Join(GroupOf(2), "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(GroupOf(2)), State::kFailed);
  // The first session plays on in vlan20; in lan it only lingers.
  world().Leave(GroupOf(1), "lan");
  world().Advance(200ms);
  EXPECT_EQ(world().Sent(GroupOf(1)), "vlan20");
  EXPECT_EQ(world().Sent(GroupOf(2)), "lan");
  // A running session is refused a link until the one there only lingers.
  world().Join(GroupOf(2), "vlan20");
  world().Advance(1s);
  EXPECT_EQ(world().Sent(GroupOf(2)), "lan");
  EXPECT_THAT(world().Find(GroupOf(2))->error, HasSubstr("refused on vlan20"));
  world().Leave(GroupOf(1), "vlan20");
  world().Advance(200ms);
  EXPECT_EQ(world().Sent(GroupOf(2)), "lan,vlan20");
  EXPECT_EQ(world().Find(GroupOf(2))->error, "");
  EXPECT_EQ(world().Find(GroupOf(1)), nullptr);
}

TEST_F(LimitsTest, ChangedOptionsStopNothingAndLetInWhoWaits) {
  Make({.reconciler = {.sessions_max = 2, .sessions_per_link_max = 1}, .watchers = 2});
  world().Boot();
  world().Join(GroupOf(1), "lan");
  world().Join(GroupOf(2), "vlan20");
  world().Advance(1s);
  world().Join(GroupOf(2), "lan");
  world().Join(GroupOf(3), "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(GroupOf(3)), State::kFailed);
  world().SetOptions({.sessions_max = 3, .sessions_per_link_max = 3});
  world().Advance(100ms);
  EXPECT_EQ(world().StateOf(GroupOf(3)), State::kLive);
  EXPECT_EQ(world().Sent(GroupOf(2)), "lan,vlan20");
  world().SetOptions({.sessions_max = 1, .sessions_per_link_max = 1});
  world().Advance(10s);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(world().StateOf(GroupOf(i)), State::kLive) << i;
  EXPECT_EQ(world().Count("stop"), 0u);
}

TEST_F(LimitsTest, SessionsPerLinkMaxRefusesTheLinkOnly) {
  Make({.reconciler = {.sessions_per_link_max = 1}, .watchers = 2});
  world().Boot();
  world().Join(GroupOf(1), "lan");
  world().Advance(100ms);
  world().Join(GroupOf(2), "lan");
  world().Join(GroupOf(2), "vlan20");
  world().Advance(3s);
  EXPECT_EQ(world().Sent(GroupOf(1)), "lan");
  EXPECT_EQ(world().Sent(GroupOf(2)), "vlan20");
  EXPECT_THAT(world().Find(GroupOf(2))->error, HasSubstr("refused on lan"));
}

TEST_F(LimitsTest, StartsPerSecondSpreadsAStorm) {
  Make({.reconciler = {.starts_per_second = 10, .starts_burst = 5}});
  world().Boot();
  for (int i = 0; i < 20; ++i) world().Join(GroupOf(i), "lan");
  world().Advance(90ms);
  EXPECT_EQ(world().Count("apply ff3e:40:2001:db8:d0be:f00d:8000:"), 10u);  // 5, each twice
  EXPECT_EQ(world().reconciler().stats().refused_total.at("starts_per_second"), 15u);
  world().Advance(2s);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(world().StateOf(GroupOf(i)), State::kLive) << i;
}

}  // namespace
}  // namespace headwater::session_manager
