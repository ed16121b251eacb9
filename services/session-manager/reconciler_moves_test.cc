// Several senders: who gets which session, and how it goes to another one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kSessions = 60;

class MovesTest : public ::testing::Test {
 protected:
  void Boot(size_t senders, WorldOptions options = {}) {
    options.senders = senders;
    options.watchers = 2;
    options.reconciler.starts_burst = 1000;
    world_.emplace(options);
    world_->Boot();
  }
  SimWorld& world() { return *world_; }
  void Play(int sessions) {
    for (int i = 0; i < sessions; ++i) world().Join(GroupOf(i), i % 2 == 0 ? "lan" : "vlan20");
    world().Advance(2s);
    sessions_ = sessions;
  }
  // By sender, how many it sends; all others count as -1.
  std::map<int, int> Loads() {
    std::map<int, int> loads;
    for (int i = 0; i < sessions_; ++i) {
      const auto sender = world().SenderOf(GroupOf(i));
      ++loads[sender ? static_cast<int>(*sender) : -1];
    }
    return loads;
  }
  void ExpectAllLive() {
    for (int i = 0; i < sessions_; ++i) EXPECT_EQ(world().StateOf(GroupOf(i)), State::kLive) << i;
  }
  void TearDown() override { EXPECT_THAT(world().broken_rules(), IsEmpty()); }

  std::optional<SimWorld> world_;
  int sessions_ = 0;
};

TEST_F(MovesTest, StreamsAreSpreadByCapacityAndBothSessionsOfOneShareASender) {
  Boot(3);
  world().SetCapacity(0, 100);
  world().SetCapacity(1, 100);
  world().SetCapacity(2, 400);
  Play(kSessions);
  ExpectAllLive();
  const auto loads = Loads();
  EXPECT_NEAR(loads.at(0), 10, 8);
  EXPECT_NEAR(loads.at(1), 10, 8);
  EXPECT_NEAR(loads.at(2), 40, 10);
  world().Join("239.192.0.7", "lan");
  world().Advance(1s);
  EXPECT_EQ(world().SenderOf("239.192.0.7"), world().SenderOf(GroupOf(7)));
}

TEST_F(MovesTest, ASenderMoreMovesNothing) {
  Boot(3);
  world().SetDrained(1, true);
  world().SetDrained(2, true);
  Play(kSessions);
  EXPECT_EQ(Loads(), (std::map<int, int>{{0, kSessions}}));
  world().ForgetCalls();
  world().SetDrained(1, false);
  world().SetDrained(2, false);
  world().Advance(5s);
  EXPECT_EQ(Loads(), (std::map<int, int>{{0, kSessions}}));
  EXPECT_EQ(world().Count("apply") + world().Count("handover"), 0u);
}

TEST_F(MovesTest, ADrainedSenderHandsAllOverWithoutAnEndAndWithoutTwoAtOnce) {
  Boot(3);
  Play(kSessions);
  std::map<std::string, PackagerStatus> before;
  std::map<std::string, Origin> origins;
  const auto sender_of = [&](int i) { return *world().SenderOf(GroupOf(i)); };
  for (int i = 0; i < kSessions; ++i) {
    before[GroupOf(i)] = *world().PackagerHas(sender_of(i), GroupOf(i));
    origins[GroupOf(i)] = world().AnnouncerHas(sender_of(i), GroupOf(i))->origin;
  }
  const int moved = Loads().at(1);
  ASSERT_GT(moved, 10);
  world().ForgetCalls();
  world().SetDrained(1, true);
  world().Advance(3s);
  EXPECT_EQ(Loads().count(1), 0u);
  ExpectAllLive();
  EXPECT_EQ(world().LongestDoubled(), Duration{});
  EXPECT_EQ(world().Count("handover"), static_cast<size_t>(moved));
  EXPECT_EQ(world().Count("withdraw"), static_cast<size_t>(moved));
  EXPECT_EQ(world().Count("stop") + world().Count("delete"), 0u);
  EXPECT_EQ(world().reconciler().stats().moves_total.at("drained"), static_cast<uint64_t>(moved));
  EXPECT_EQ(world().reconciler().SessionsOf(1), 0u);
  for (int i = 0; i < kSessions; ++i) {
    SCOPED_TRACE(GroupOf(i));
    const PackagerStatus& after = *world().PackagerHas(sender_of(i), GroupOf(i));
    const PackagerStatus& then = before[GroupOf(i)];
    EXPECT_EQ(after.ssrc, then.ssrc);
    EXPECT_EQ(after.format, then.format);
    const Origin origin = world().AnnouncerHas(sender_of(i), GroupOf(i))->origin;
    EXPECT_EQ(origin.id, origins[GroupOf(i)].id);
    if (after == then) continue;
    // The next packet.
    EXPECT_EQ(after.sequence, then.sequence + 1);
    EXPECT_EQ(after.last_sent.timestamp, then.last_sent.timestamp + 2);
    EXPECT_THAT(world().StepsOf(GroupOf(i)), Contains("move"));
  }
}

TEST_F(MovesTest, NoMoreThanSixteenSourcesAreOpenTwice) {
  Boot(2);
  Play(kSessions);
  for (int i = 0; i < kSessions; ++i) {
    world().sources[0x80000000u + static_cast<uint32_t>(i)].open_delay = 1s;
  }
  const int moved = Loads().at(1);
  world().ForgetCalls();
  world().SetDrained(1, true);
  world().Advance(500ms);
  EXPECT_EQ(world().Count("apply"), Reconciler::kMovesAtOnce);
  EXPECT_EQ(Loads().at(1), moved) << "the first one sends until the next has media";
  world().Advance(5s);
  EXPECT_EQ(Loads(), (std::map<int, int>{{0, kSessions}}));
}

TEST_F(MovesTest, ASourceThatDoesNotOpenTwiceStaysWhereItPlays) {
  Boot(2);
  Play(1);
  const size_t first = *world().SenderOf(GroupOf(0));
  world().sources[0x80000000].error = "one listener only";
  world().SetDrained(first, true);
  world().Advance(10s);
  EXPECT_EQ(world().SenderOf(GroupOf(0)), first);
  EXPECT_EQ(world().StateOf(GroupOf(0)), State::kLive);
  EXPECT_EQ(world().PackagerHas(1 - first, GroupOf(0)), nullptr);
  world().sources[0x80000000].error.clear();
  world().Advance(60s);
  EXPECT_EQ(world().SenderOf(GroupOf(0)), 1 - first);
}

TEST_F(MovesTest, WhoeverIsDrainedAloneKeepsWhatRunsAndGetsNothingNew) {
  Boot(1);
  Play(1);
  world().SetDrained(0, true);
  world().Join(GroupOf(1), "lan");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(GroupOf(0)), State::kLive);
  EXPECT_EQ(world().Find(GroupOf(1))->error, "every sender with a leg up in lan is drained");
  world().SetDrained(0, false);
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(GroupOf(1)), State::kLive);
}

TEST_F(MovesTest, TheSessionsOfADeadSenderArePlacedAnewAndComeBackToNobody) {
  Boot(3);
  Play(kSessions);
  std::map<std::string, PackagerStatus> before;
  for (int i = 0; i < kSessions; ++i) {
    const size_t sender = *world().SenderOf(GroupOf(i));
    if (sender == 1) before[GroupOf(i)] = *world().PackagerHas(1, GroupOf(i));
  }
  world().ForgetCalls();
  world().KillPackager(1);
  world().KillAnnouncer(1);
  world().Advance(1500ms);
  ExpectAllLive();
  EXPECT_EQ(Loads().count(1) + Loads().count(-1), 0u);
  for (const auto& [group, then] : before) {
    const PackagerStatus& after = *world().PackagerHas(*world().SenderOf(group), group);
    EXPECT_EQ(after.ssrc, then.ssrc);
    EXPECT_GT(after.sequence, then.sequence) << "ahead of all that may have been sent";
    EXPECT_GT(after.last_sent.timestamp, then.last_sent.timestamp);
  }
  EXPECT_EQ(world().Count("apply"), before.size()) << "and nothing else was touched";
  world().StartPackager(1);
  world().StartAnnouncer(1);
  world().Advance(5s);
  EXPECT_EQ(Loads().count(1), 0u) << "sticky";
  EXPECT_EQ(world().LongestDoubled(), Duration{});
}

TEST_F(MovesTest, APackagerThatIsBackWithinTheGraceKeepsItsSessions) {
  Boot(2);
  Play(10);
  const auto loads = Loads();
  world().KillPackager(0);
  world().Advance(500ms);
  world().StartPackager(0);
  world().Advance(2s);
  EXPECT_EQ(Loads(), loads);
  ExpectAllLive();
}

TEST_F(MovesTest, ASenderThatWasOnlyCutOffIsToldToBeSilentWhenItIsBack) {
  Boot(2);
  Play(10);
  world().CutPackager(0);
  world().Advance(3s);
  EXPECT_GT(world().LongestDoubled(), 1s) << "nobody can tell it";
  world().StartPackager(0);
  world().Advance(1s);
  EXPECT_EQ(Loads(), (std::map<int, int>{{1, 10}}));
  ExpectAllLive();
}

TEST_F(MovesTest, ALinkThatOnlyAnotherSenderHasTakesTheSessionThere) {
  Boot(2);
  world().SetLegUp(0, "vlan20", false);
  world().SetDrained(1, true);
  Play(1);
  world().SetDrained(1, false);
  EXPECT_EQ(world().SenderOf(GroupOf(0)), 0u);
  world().Join(GroupOf(0), "vlan20");
  world().Advance(2s);
  EXPECT_EQ(world().SenderOf(GroupOf(0)), 1u);
  EXPECT_EQ(world().Sent(GroupOf(0)), "lan,vlan20");
  EXPECT_EQ(world().LongestDoubled(), Duration{});
}

TEST_F(MovesTest, AFullSenderRefusesEarlyAndGivesItsNextPlaceToWhoWaits) {
  Boot(2);
  world().SetCapacity(0, 2);
  world().SetCapacity(1, 1);
  Play(4);
  const std::string reason = "refused: sender_sessions_max";
  std::optional<int> waiting;
  for (int i = 0; i < 4; ++i) {
    if (world().StateOf(GroupOf(i)) != State::kFailed) continue;
    EXPECT_FALSE(waiting) << "one more than there is room for";
    EXPECT_EQ(world().Find(GroupOf(i))->error, reason);
    waiting = i;
  }
  ASSERT_TRUE(waiting);
  const int leaver = *waiting == 0 ? 1 : 0;
  world().Leave(GroupOf(leaver), leaver % 2 == 0 ? "lan" : "vlan20");
  world().Advance(1s);
  EXPECT_EQ(world().StateOf(GroupOf(*waiting)), State::kLive) << "the lingering one's place";
}

TEST_F(MovesTest, AManagerThatRestartsInTheMiddleOfMovesEndsThem) {
  for (int ms = 0; ms < 60; ms += 4) {
    SCOPED_TRACE(ms);
    Boot(3);
    Play(12);
    const auto origin_of = [&](int i) {
      const auto sender = world().SenderOf(GroupOf(i));
      const Announcement* announced = sender ? world().AnnouncerHas(*sender, GroupOf(i)) : nullptr;
      return announced != nullptr ? announced->origin.id : 0;
    };
    std::map<int, uint64_t> origins;
    for (int i = 0; i < sessions_; ++i) origins[i] = origin_of(i);
    world().SetDrained(1, true);
    world().Advance(std::chrono::milliseconds(ms));
    world().RestartManager();
    world().Advance(10s);
    for (const auto& [i, origin] : origins) EXPECT_EQ(origin_of(i), origin) << i;
    ExpectAllLive();
    EXPECT_EQ(Loads().count(1) + Loads().count(-1), 0u);
    EXPECT_EQ(world().LongestDoubled(), Duration{});
    EXPECT_THAT(world().broken_rules(), IsEmpty());
  }
}

TEST_F(MovesTest, AServiceOfATunerMovesWithItsLease) {
  Boot(2);
  const std::string group = DvbGroup(1, 1);
  world().Join(group, "lan");
  world().Advance(2s);
  const size_t first = *world().SenderOf(group);
  world().SetDrained(first, true);
  world().Advance(2s);
  EXPECT_EQ(world().SenderOf(group), 1 - first);
  EXPECT_EQ(world().FeedOf(DvbNumber(1, 1)), world().PackagerHas(1 - first, group)->feed);
}

// Whatever is drained, killed, cut off or slow, and whoever restarts: in the end each session is
// sent by one sender, which is not drained, and two have never sent it for longer than it takes to
// tell one of them.
TEST_F(MovesTest, RandomWorldsConverge) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    Boot(3, {.seed = seed});
    world().jitter = 30ms;
    Play(8);
    bool up[] = {true, true, true};
    for (int step = 0; step < 60; ++step) {
      const size_t sender = random() % 3;
      switch (random() % 8) {
        case 0:
          world().SetDrained(sender, random() % 2 == 0);
          break;
        case 1:
          if (up[sender]) world().KillPackager(sender);
          if (!up[sender]) world().StartPackager(sender);
          up[sender] = !up[sender];
          break;
        case 2:
          world().KillAnnouncer(sender);
          world().StartAnnouncer(sender);
          break;
        case 3:
          world().FailCalls(random() % 2 == 0 ? "apply" : "announce",
                            static_cast<int>(random() % 3));
          break;
        case 4:
          world().FailCalls(random() % 2 == 0 ? "stop" : "delete", static_cast<int>(random() % 3));
          break;
        case 5:
          if (random() % 4 == 0) world().RestartManager();
          break;
        case 6:
          world().SetLegUp(sender, "lan", random() % 3 != 0);
          break;
        default:
          world().Leave(GroupOf(static_cast<int>(random() % 8)), "lan");
          world().Join(GroupOf(static_cast<int>(random() % 8)), "lan");
          break;
      }
      world().Advance(std::chrono::milliseconds(random() % 2000));
    }
    for (size_t i = 0; i < 3; ++i) {
      if (!up[i]) world().StartPackager(i);
      world().SetLegUp(i, "lan", true);
      world().SetDrained(i, i == 2);
    }
    for (const char* call : {"apply", "announce", "stop", "delete"}) world().FailCalls(call, 0);
    for (int i = 0; i < 8; ++i) world().Join(GroupOf(i), "lan");
    world().Advance(100s);
    ExpectAllLive();
    EXPECT_EQ(Loads().count(2) + Loads().count(-1), 0u);
    EXPECT_LE(world().LongestDoubled(), 8s) << "stop fails up to twice, each with a wait";
    EXPECT_THAT(world().broken_rules(), IsEmpty());
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace headwater::session_manager
