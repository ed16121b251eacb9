// Random worlds: whatever dies, is slow or comes back, the rules hold and in the end what runs is
// what is wanted.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

constexpr int kGroups = 6;
// DVB services: two of one carrier, one each of two others, at a tuner for two.
constexpr std::pair<int, int> kServices[] = {{1, 1}, {1, 2}, {2, 1}, {3, 1}};
const std::string kLinks[] = {"lan", "vlan20"};

class RandomWorld {
 public:
  explicit RandomWorld(uint64_t seed)
      : random_(seed),
        world_({.reconciler = {.sessions_max = 5}, .watchers = 2, .senders = 1, .seed = seed}) {
    world_.jitter = 30ms;
    world_.sources[0x80000005].error = "connection refused";
    world_.Boot();
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      Disturb();
      world_.Advance(std::chrono::milliseconds(Pick(3000)));
      Check();
    }
  }

  // Everything comes back; after that only members decide.
  void Calm() {
    for (const std::string call : {"apply", "announce", "stop", "delete", "acquire", "release"}) {
      world_.FailCalls(call, 0);
    }
    world_.StartResolver();
    for (const std::string& link : kLinks) world_.SetLegUp(0, link, true);
    if (!packager_up_) world_.StartPackager(0);
    if (!announcer_up_) world_.StartAnnouncer(0);
    if (!tuner_up_) world_.StartTuner();
    for (size_t i = 0; i < 2; ++i) {
      // A general query, which everyone answers.
      world_.StartWatcher(i, true);
      world_.Advance(1s);
      world_.SetLinkSync(i, LinkSync::kSynced);
    }
    world_.Advance(80s);
    for (int i = 0; i < kGroups; ++i) {
      const Channel channel = ChannelOf(GroupOf(i));
      const State state = world_.StateOf(GroupOf(i));
      const bool tracked = world_.Find(GroupOf(i)) != nullptr;
      EXPECT_EQ(tracked, world_.HasMember(channel)) << GroupOf(i) << " is " << ToString(state);
      if (!tracked) {
        EXPECT_EQ(world_.PackagerHas(0, GroupOf(i)), nullptr) << GroupOf(i);
        EXPECT_EQ(world_.AnnouncerHas(0, GroupOf(i)), nullptr) << GroupOf(i);
      } else if (i != 5 && state != State::kLive) {
        EXPECT_EQ(world_.Find(GroupOf(i))->error, "refused: sessions_max") << GroupOf(i);
      }
    }
    CheckServices();
  }

  // No lease without a session, no live session without its lease, which leads to it.
  void CheckServices() {
    std::vector<uint32_t> wanted;
    for (const auto& [carrier, service] : kServices) {
      const std::string group = DvbGroup(carrier, service);
      const uint32_t number = DvbNumber(carrier, service);
      const Session* session = world_.Find(group);
      EXPECT_EQ(session != nullptr, world_.HasMember(ChannelOf(group))) << group;
      if (session == nullptr) continue;
      if (session->state != State::kLive) {
        EXPECT_TRUE(session->failure == "tuner" || session->failure == "refused")
            << group << " is " << ToString(session->state) << ": " << session->error;
        continue;
      }
      wanted.push_back(number);
      ASSERT_NE(world_.LeaseOf(number), nullptr) << group;
      EXPECT_EQ(world_.LeaseOf(number)->state, LeaseState::kSending) << group;
      EXPECT_EQ(world_.PackagerHas(0, group)->state, PackagerState::kSending) << group;
      EXPECT_EQ(world_.FeedOf(number), world_.PackagerHas(0, group)->feed) << group;
    }
    EXPECT_EQ(world_.Leases(), wanted);
    EXPECT_EQ(world_.reconciler().tuner().leases.size(), wanted.size());
  }

  void Check() {
    for (const std::string& rule : world_.broken_rules()) ADD_FAILURE() << rule;
    size_t active = 0;
    for (const auto& [channel, session] : world_.reconciler().sessions()) {
      active += IsActive(session.state) ? 1 : 0;
    }
    // What ran before a restart of the manager is adopted, whatever the limit.
    EXPECT_LE(active, 6u);
    if (!undisturbed_) return;
    // Linger, calls that fail and their retries.
    const Duration margin = 3s + 8s;
    for (const Channel& channel : world_.Running()) {
      if (world_.HasMember(channel)) continue;
      EXPECT_LE(world_.now(), world_.MemberlessSince(channel) + margin) << channel.ToString();
    }
    for (const auto& [carrier, service] : kServices) {
      const Channel channel = ChannelOf(DvbGroup(carrier, service));
      if (world_.LeaseOf(DvbNumber(carrier, service)) == nullptr) continue;
      if (world_.HasMember(channel)) continue;
      EXPECT_LE(world_.now(), world_.MemberlessSince(channel) + margin) << channel.ToString();
    }
  }

  // With services that stay up, a session without members must end in time.
  void KeepServicesUp() { undisturbed_ = true; }

 private:
  uint64_t Pick(uint64_t bound) { return random_() % bound; }

  void Disturb() {
    std::string group = GroupOf(static_cast<int>(Pick(kGroups)));
    if (Pick(2) == 0) {
      const auto& [carrier, service] = kServices[Pick(std::size(kServices))];
      group = DvbGroup(carrier, service);
    }
    const std::string& link = kLinks[Pick(2)];
    switch (Pick(undisturbed_ ? 8 : 24)) {
      case 0:
      case 1:
      case 2:
        world_.Join(group, link);
        break;
      case 3:
      case 4:
      case 5:
        world_.Leave(group, link);
        break;
      case 6:
        world_.FailCalls("apply", static_cast<int>(Pick(3)));
        break;
      case 7:
        world_.FailCalls("announce", static_cast<int>(Pick(3)));
        break;
      case 8:
        world_.FailCalls("stop", static_cast<int>(Pick(3)));
        break;
      case 9:
        world_.FailCalls("delete", static_cast<int>(Pick(3)));
        break;
      case 10:
        world_.KillResolver();
        break;
      case 11:
        world_.StartResolver();
        break;
      case 12:
        TogglePackager();
        break;
      case 13:
        ToggleAnnouncer();
        break;
      case 14:
        ToggleWatcher(Pick(2));
        break;
      case 15:
        for (size_t i = 0; i < 2; ++i) world_.SetLinkSync(i, LinkSync::kSynced);
        break;
      case 16:
        world_.SetLinkSync(Pick(2), LinkSync::kDown);
        break;
      case 17:
        world_.RestartManager();
        break;
      case 18:
        world_.SetLegUp(0, link, Pick(2) == 0);
        break;
      case 19:
        world_.SetLegUp(0, link, true);
        break;
      case 20:
        ToggleTuner();
        break;
      case 21:
        world_.FailCalls("acquire", static_cast<int>(Pick(3)));
        break;
      case 22:
        world_.FailCalls("release", static_cast<int>(Pick(3)));
        break;
      case 23:
        DisturbLease();
        break;
      default:
        break;
    }
  }
  void TogglePackager() {
    packager_up_ ? world_.KillPackager(0) : world_.StartPackager(0);
    packager_up_ = !packager_up_;
  }
  void ToggleTuner() {
    tuner_up_ ? world_.KillTuner() : world_.StartTuner();
    tuner_up_ = !tuner_up_;
  }
  void DisturbLease() {
    const std::vector<uint32_t> leases = world_.Leases();
    if (leases.empty()) return;
    const uint32_t number = leases[Pick(leases.size())];
    if (world_.LeaseOf(number)->state == LeaseState::kFailed) return;
    switch (Pick(3)) {
      case 0:
        world_.SetLease(number, LeaseState::kLost, "lock lost");
        // It is there again soon.
        world_.Advance(std::chrono::milliseconds(Pick(4000)));
        if (world_.LeaseOf(number) == nullptr) return;
        if (world_.LeaseOf(number)->state != LeaseState::kLost) return;
        world_.SetLease(number, LeaseState::kSending);
        break;
      case 1:
        world_.SetLease(number, LeaseState::kFailed, "preempted", "preempted");
        break;
      default:
        world_.SetLease(number, LeaseState::kFailed, "no lock", "no_lock");
        break;
    }
  }
  void ToggleAnnouncer() {
    announcer_up_ ? world_.KillAnnouncer(0) : world_.StartAnnouncer(0);
    announcer_up_ = !announcer_up_;
  }
  void ToggleWatcher(size_t index) {
    if (watcher_down_[index]) {
      world_.StartWatcher(index, Pick(2) == 0);
    } else {
      world_.KillWatcher(index);
    }
    watcher_down_[index] = !watcher_down_[index];
  }

  std::mt19937_64 random_;
  SimWorld world_;
  bool undisturbed_ = false;
  bool packager_up_ = true;
  bool announcer_up_ = true;
  bool tuner_up_ = true;
  bool watcher_down_[2] = {false, false};
};

TEST(ReconcilerSimulation, EndsInTheWantedStateWhateverDies) {
  for (uint64_t seed = 1; seed <= 60 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomWorld world(seed);
    world.Run(120);
    world.Calm();
  }
}

TEST(ReconcilerSimulation, NothingRunsWithoutAMember) {
  for (uint64_t seed = 1; seed <= 40 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomWorld world(seed);
    world.KeepServicesUp();
    world.Run(200);
  }
}

}  // namespace
}  // namespace headwater::session_manager
