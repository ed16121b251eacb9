#include "services/dvb-tuner/reception.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "services/common/base/absl_text.h"

namespace headwater::tuner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = DvblastEvent::Kind;

constexpr uint16_t kNews = 0x1041, kRadio = 0x1042;
constexpr uint16_t kVideoPid = 256, kAudioPid = 257;

mpegts::ProgramMap MapOf(uint16_t service) {
  return {.program = service,
          .pcr = mpegts::Pid{kVideoPid},
          .streams = {{0x04, mpegts::Pid{kAudioPid}, {}}, {0x1b, mpegts::Pid{kVideoPid}, {}}}};
}

// A world in which dvblast does what it is told, one step after the other.
class ReceptionTest : public ::testing::Test {
 protected:
  ReceptionTest() : reception_({}, Tuners(2)) { reception_.SetWatched(true, now_); }

  static std::vector<TunerOptions> Tuners(int count) {
    std::vector<TunerOptions> tuners;
    for (int i = 0; i < count; ++i) {
      tuners.push_back({.name = "adapter" + std::to_string(i),
                        .systems = {DeliverySystem::kDvbs, DeliverySystem::kDvbs2},
                        .adapter = i});
    }
    return tuners;
  }
  static Carrier CarrierAt(int mhz) {
    return ParseCarrier("-f " + std::to_string(mhz * 1000) + " -v 18 -5 DVBS", {}).value();
  }
  static LeaseRequest Request(uint32_t number, int mhz, uint16_t service, uint32_t priority) {
    return {.number = number,
            .service = {.carrier = CarrierAt(mhz).id, .service_id = service},
            .feed = {IpAddress::Parse("::1").value(), static_cast<uint16_t>(40000 + number)},
            .feed_source = IpAddress::Parse("::1").value(),
            .priority = priority,
            .holder = "station " + std::to_string(number)};
  }
  absl::Status Acquire(uint32_t number, int mhz, uint16_t service = kNews, uint32_t priority = 50) {
    Actions actions;
    absl::Status status =
        reception_.Acquire(Request(number, mhz, service, priority), CarrierAt(mhz), now_, actions);
    Do(actions);
    return status;
  }
  void Release(uint32_t number) {
    Actions actions;
    reception_.Release(number, now_, actions);
    Do(actions);
  }

  void Do(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* start = std::get_if<StartRun>(&action)) {
        EXPECT_FALSE(running_.contains(start->tuner)) << "two processes on one frontend";
        running_[start->tuner] = start->run;
        ++starts_;
        reception_.OnConfigured(start->run, reception_.generation(start->tuner), now_);
      } else if (const auto* stop = std::get_if<StopRun>(&action)) {
        stopped_.push_back(stop->run);
      } else if (const auto* configure = std::get_if<Configure>(&action)) {
        ++reloads_;
        reception_.OnConfigured(configure->run, reception_.generation(configure->tuner), now_);
      } else if (const auto* ask = std::get_if<AskMap>(&action)) {
        if (maps_.contains(ask->service_id)) {
          reception_.OnMap(ask->run, ask->service_id, maps_.at(ask->service_id), now_);
        }
      } else if (const auto* pid = std::get_if<AskPid>(&action)) {
        PidStatus& status = pids_[pid->pid];
        status.packets += flowing_ ? 10 : 0;
        Actions more;
        reception_.OnPid(pid->run, pid->pid, status, now_, more);
        Do(more);
      }
    }
  }
  void Tell(size_t tuner, Kind kind, uint64_t value = 0, std::string text = "") {
    Actions actions;
    reception_.OnEvent(running_.at(tuner), {kind, value, std::move(text)}, now_, actions);
    Do(actions);
  }
  void Lock(size_t tuner) {
    Tell(tuner, Kind::kLock);
    reception_.OnPrograms(running_.at(tuner), {kNews, kRadio}, now_);
  }
  void Exit(size_t tuner) {
    const uint64_t run = running_.at(tuner);
    running_.erase(tuner);
    Actions actions;
    reception_.OnExited(run, "dvblast ended with status 1", now_, actions);
    Do(actions);
  }
  // dvblast lives, and time goes by in the steps that are asked for.
  void Advance(Duration time) {
    const MonoTime end = now_ + time;
    while (true) {
      const MonoTime next = std::max(now_, reception_.NextDeadline());
      if (next > end) break;
      now_ = next;
      for (const auto& [tuner, run] : std::map(running_)) Tell(tuner, Kind::kBitrate, 1000);
      Actions actions;
      reception_.OnTime(now_, actions);
      Do(actions);
    }
    now_ = end;
  }
  const Lease& Get(uint32_t number) { return reception_.leases().at(number); }
  LeaseState StateOf(uint32_t number) { return Get(number).state; }

  MonoTime now_{};
  Reception reception_;
  std::map<size_t, uint64_t> running_;
  std::vector<uint64_t> stopped_;
  std::map<uint16_t, mpegts::ProgramMap> maps_ = {{kNews, MapOf(kNews)}, {kRadio, MapOf(kRadio)}};
  std::map<uint16_t, PidStatus> pids_;
  bool flowing_ = true;
  int starts_ = 0;
  int reloads_ = 0;
};

TEST_F(ReceptionTest, GivesAService) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  EXPECT_EQ(StateOf(1), LeaseState::kTuning);
  EXPECT_EQ(reception_.tuners()[0].state(), TunerState::kTuning);
  Advance(1s);
  Lock(0);
  EXPECT_EQ(StateOf(1), LeaseState::kLocked);
  Advance(500ms);
  EXPECT_EQ(StateOf(1), LeaseState::kSending);
  EXPECT_TRUE(Get(1).map.has_value());
  EXPECT_EQ(Get(1).locked, MonoTime{} + 1s);
  EXPECT_THAT(reception_.TakeStartTimes(), ElementsAre(::testing::Le(1200ms)));
}

TEST_F(ReceptionTest, SharesATunerAndNeverRestartsIt) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Lock(0);
  Advance(1s);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Acquire(2, 11426, kRadio).ok());
    Advance(200ms);
    EXPECT_EQ(StateOf(2), LeaseState::kSending);
    EXPECT_EQ(reception_.Outputs(0).size(), 2u);
    Release(2);
    EXPECT_EQ(reception_.Outputs(0).size(), 1u);
  }
  EXPECT_EQ(StateOf(1), LeaseState::kSending);
  EXPECT_EQ(starts_, 1);
  EXPECT_GE(reloads_, 200);
  EXPECT_THAT(stopped_, IsEmpty());
}

TEST_F(ReceptionTest, SaysWhoHasTheTunersWhenThereIsNone) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  ASSERT_TRUE(Acquire(2, 11500).ok());
  const absl::Status refused = Acquire(3, 11600);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(std::string(FromAbsl(refused.message())),
              HasSubstr("adapter0 has 11426H for station 1 (priority 50); adapter1 has 11500H for "
                        "station 2 (priority 50)"));
  EXPECT_FALSE(reception_.leases().contains(3));
  Release(1);
  EXPECT_TRUE(Acquire(3, 11600).ok());
}

TEST_F(ReceptionTest, RefusesWhatNoTunerCanReceive) {
  Actions actions;
  const Carrier terrestrial = ParseCarrier("-f 506000000 -5 DVBT", {}).value();
  const absl::Status refused =
      reception_.Acquire(Request(1, 11426, kNews, 50), terrestrial, now_, actions);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(actions, IsEmpty());
}

TEST_F(ReceptionTest, PreemptsByPriority) {
  ASSERT_TRUE(Acquire(1, 11426, kNews, 10).ok());
  ASSERT_TRUE(Acquire(2, 11500, kNews, 20).ok());
  ASSERT_TRUE(Acquire(3, 11600, kNews, 90).ok());
  EXPECT_EQ(StateOf(1), LeaseState::kFailed);
  EXPECT_EQ(Get(1).error_reason, "preempted");
  EXPECT_THAT(Get(1).error, HasSubstr("station 3"));
  EXPECT_EQ(StateOf(2), LeaseState::kTuning);
  // The frontend has one user: the next begins when the process has ended.
  EXPECT_EQ(starts_, 2);
  ASSERT_THAT(stopped_, ElementsAre(running_.at(0)));
  Exit(0);
  EXPECT_EQ(starts_, 3);
  Lock(0);
  Advance(1s);
  EXPECT_EQ(StateOf(3), LeaseState::kSending);
}

TEST_F(ReceptionTest, GivesTheEndingProcessNothingOfItsSuccessors) {
  ASSERT_TRUE(Acquire(1, 11426, kNews, 10).ok());
  ASSERT_TRUE(Acquire(2, 11500, kNews, 10).ok());
  ASSERT_TRUE(Acquire(3, 11600, kNews, 90).ok());
  EXPECT_THAT(reception_.Outputs(0), IsEmpty());
  EXPECT_FALSE(Get(3).configured);
  Exit(0);
  EXPECT_EQ(reception_.Outputs(0).size(), 1u);
  EXPECT_TRUE(Get(3).configured);
}

TEST_F(ReceptionTest, StaysTunedForAWhile) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Lock(0);
  Advance(1s);
  Release(1);
  Advance(5s);
  EXPECT_THAT(stopped_, IsEmpty());
  ASSERT_TRUE(Acquire(1, 11426).ok());
  EXPECT_EQ(StateOf(1), LeaseState::kLocked);
  EXPECT_EQ(starts_, 1);
  Release(1);
  Advance(11s);
  EXPECT_EQ(stopped_.size(), 1u);
  Exit(0);
  EXPECT_EQ(reception_.tuners()[0].state(), TunerState::kFree);
}

TEST_F(ReceptionTest, MovesAFeedAndRenewsOnTheSameNumber) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Actions actions;
  LeaseRequest moved = Request(1, 11426, kNews, 70);
  moved.feed.port = 50000;
  ASSERT_TRUE(reception_.Acquire(moved, CarrierAt(11426), now_, actions).ok());
  EXPECT_EQ(reception_.Outputs(0)[0].to.port, 50000);
  EXPECT_EQ(Get(1).request.priority, 70u);
  EXPECT_EQ(starts_, 1);
}

TEST_F(ReceptionTest, ReplacesAnotherServiceOfTheSameNumber) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  ASSERT_TRUE(Acquire(2, 11500).ok());
  // On a tuner that only its own old lease has kept from others.
  ASSERT_TRUE(Acquire(1, 11600).ok());
  EXPECT_EQ(Get(1).request.service.carrier, "11600H");
  EXPECT_EQ(reception_.leases().size(), 2u);
}

TEST_F(ReceptionTest, FailsWithoutALock) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Tell(0, Kind::kNoLock);
  Advance(19s);
  EXPECT_EQ(StateOf(1), LeaseState::kTuning);
  Advance(2s);
  EXPECT_EQ(StateOf(1), LeaseState::kFailed);
  EXPECT_EQ(Get(1).error_reason, "no_lock");
  EXPECT_EQ(Get(1).tuner, std::nullopt);
}

TEST_F(ReceptionTest, LosesAndFindsALock) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Lock(0);
  Advance(1s);
  Tell(0, Kind::kUnlock);
  EXPECT_EQ(StateOf(1), LeaseState::kLost);
  EXPECT_EQ(Get(1).error_reason, "no_lock");
  Advance(30s);
  EXPECT_EQ(StateOf(1), LeaseState::kLost);
  Lock(0);
  Advance(1s);
  EXPECT_EQ(StateOf(1), LeaseState::kSending);
  EXPECT_EQ(Get(1).error, "");
  EXPECT_EQ(reception_.tuners()[0].locks_lost_total(), 1u);
  Tell(0, Kind::kUnlock);
  Advance(61s);
  EXPECT_EQ(StateOf(1), LeaseState::kFailed);
}

TEST_F(ReceptionTest, StartsDvblastAgainWithBackoff) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Lock(0);
  Advance(1s);
  Exit(0);
  EXPECT_EQ(StateOf(1), LeaseState::kLost);
  EXPECT_EQ(Get(1).error_reason, "dvblast");
  EXPECT_EQ(reception_.tuners()[0].state(), TunerState::kBackoff);
  Advance(500ms);
  EXPECT_EQ(starts_, 2);
  Exit(0);
  Advance(900ms);
  EXPECT_EQ(starts_, 2);
  Advance(200ms);
  EXPECT_EQ(starts_, 3);
  Lock(0);
  pids_.clear();  // a new process counts anew
  Advance(1s);
  EXPECT_EQ(StateOf(1), LeaseState::kSending);
  EXPECT_EQ(reception_.tuners()[0].restarts_total(), 2u);
}

TEST_F(ReceptionTest, LeavesATunerWhoseCardIsGone) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Lock(0);
  Advance(1s);
  Tell(0, Kind::kNoDevice, 0, "couldn't read from DVR device (No such device)");
  ASSERT_EQ(stopped_.size(), 1u);
  Exit(0);
  EXPECT_EQ(reception_.tuners()[0].state(), TunerState::kAbsent);
  Advance(10ms);
  EXPECT_EQ(Get(1).tuner, 1u);
  Lock(1);
  Advance(1s);
  EXPECT_EQ(StateOf(1), LeaseState::kSending);
}

TEST_F(ReceptionTest, FailsAtOnceWithoutAnyCard) {
  reception_ = Reception({}, Tuners(1));
  reception_.SetWatched(true, now_);
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Tell(0, Kind::kNoDevice, 0, "opening device failed (No such file or directory)");
  Exit(0);
  Advance(10ms);
  EXPECT_EQ(StateOf(1), LeaseState::kFailed);
  EXPECT_EQ(Get(1).error_reason, "no_card");
  EXPECT_THAT(Get(1).error, HasSubstr("No such file"));
}

TEST_F(ReceptionTest, SaysThatAServiceIsNotThere) {
  ASSERT_TRUE(Acquire(1, 11426, 0x2000).ok());
  Lock(0);
  Advance(9s);
  EXPECT_EQ(StateOf(1), LeaseState::kLocked);
  Advance(2s);
  EXPECT_EQ(StateOf(1), LeaseState::kFailed);
  EXPECT_EQ(Get(1).error_reason, "no_service");
  EXPECT_THAT(Get(1).error, HasSubstr("no service 0x2000 on 11426H"));
}

TEST_F(ReceptionTest, LosesAServiceThatLeavesItsCarrier) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  ASSERT_TRUE(Acquire(2, 11426, kRadio).ok());
  Lock(0);
  Advance(1s);
  reception_.OnPrograms(running_.at(0), {kNews}, now_);
  EXPECT_EQ(StateOf(2), LeaseState::kLost);
  EXPECT_EQ(Get(2).error_reason, "no_service");
  EXPECT_EQ(StateOf(1), LeaseState::kSending);
  Advance(10s);
  EXPECT_EQ(StateOf(2), LeaseState::kLost);
  reception_.OnPrograms(running_.at(0), {kNews, kRadio}, now_);
  Advance(1s);
  EXPECT_EQ(StateOf(2), LeaseState::kSending);
  EXPECT_EQ(Get(2).error_reason, "");
  reception_.OnPrograms(running_.at(0), {kNews}, now_);
  Advance(61s);
  EXPECT_EQ(StateOf(2), LeaseState::kFailed);
  EXPECT_EQ(Get(2).error_reason, "no_service");
}

TEST_F(ReceptionTest, SaysThatAServiceIsScrambled) {
  pids_[kVideoPid].scrambled = true;
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Lock(0);
  Advance(2s);
  EXPECT_TRUE(Get(1).scrambled);
  EXPECT_EQ(StateOf(1), LeaseState::kSending);
  Advance(11s);
  EXPECT_EQ(StateOf(1), LeaseState::kFailed);
  EXPECT_EQ(Get(1).error_reason, "scrambled");
}

TEST_F(ReceptionTest, CountsMissingPacketsOfItsOwnPids) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  Lock(0);
  pids_[kVideoPid].continuity_errors = 7;  // before anybody listened
  Advance(2s);
  EXPECT_EQ(Get(1).continuity_errors_total, 0u);
  pids_[kVideoPid].continuity_errors = 9;
  pids_[kAudioPid].continuity_errors = 1;
  Advance(2s);
  EXPECT_EQ(Get(1).continuity_errors_total, 3u);
}

TEST_F(ReceptionTest, SendsAWholeCarrierAndPidSets) {
  LeaseRequest whole = Request(1, 11426, 0, 50);
  LeaseRequest pids = Request(2, 11426, 0, 50);
  pids.service.pids = {300, 301};
  Actions actions;
  ASSERT_TRUE(reception_.Acquire(whole, CarrierAt(11426), now_, actions).ok());
  ASSERT_TRUE(reception_.Acquire(pids, CarrierAt(11426), now_, actions).ok());
  Do(actions);
  Lock(0);
  Advance(1s);
  EXPECT_EQ(StateOf(1), LeaseState::kSending);
  EXPECT_EQ(StateOf(2), LeaseState::kSending);
  const std::vector<DvblastOutput> outputs = reception_.Outputs(0);
  EXPECT_TRUE(outputs[0].whole);
  EXPECT_THAT(outputs[1].pids, ElementsAre(300, 301));
}

TEST_F(ReceptionTest, EndsWhatNobodyRenewsOrWatches) {
  LeaseRequest timed = Request(1, 11426, kNews, 50);
  timed.ttl = 30s;
  Actions actions;
  ASSERT_TRUE(reception_.Acquire(timed, CarrierAt(11426), now_, actions).ok());
  ASSERT_TRUE(
      reception_.Acquire(Request(2, 11426, kRadio, 50), CarrierAt(11426), now_, actions).ok());
  Do(actions);
  Lock(0);
  Advance(31s);
  EXPECT_FALSE(reception_.leases().contains(1));
  reception_.SetWatched(false, now_);
  Advance(9min);
  EXPECT_TRUE(reception_.leases().contains(2));
  Advance(2min);
  EXPECT_FALSE(reception_.leases().contains(2));
}

TEST_F(ReceptionTest, GivesAScansTunerToWhoNeedsIt) {
  reception_ = Reception({}, Tuners(1));
  reception_.SetWatched(true, now_);
  Actions actions;
  ASSERT_TRUE(reception_.TakeForScan(CarrierAt(11500), now_, actions).ok());
  Do(actions);
  EXPECT_EQ(reception_.scan_tuner(), 0u);
  ASSERT_TRUE(Acquire(1, 11426, kNews, 0).ok());
  EXPECT_EQ(reception_.scan_tuner(), std::nullopt);
  actions.clear();
  EXPECT_TRUE(absl::IsResourceExhausted(reception_.TakeForScan(CarrierAt(11500), now_, actions)));
}

TEST_F(ReceptionTest, EndsADvblastThatHangs) {
  ASSERT_TRUE(Acquire(1, 11426).ok());
  now_ += 16s;
  Actions actions;
  reception_.OnTime(now_, actions);
  Do(actions);
  EXPECT_EQ(stopped_.size(), 1u);
  Exit(0);
  EXPECT_THAT(Get(1).error, HasSubstr("hangs"));
}

TEST_F(ReceptionTest, IgnoresWhatItDoesNotKnow) {
  Actions actions;
  reception_.OnEvent(99, {Kind::kLock, 0, ""}, now_, actions);
  reception_.OnExited(99, "", now_, actions);
  reception_.OnPid(99, 1, {}, now_, actions);
  reception_.Release(99, now_, actions);
  EXPECT_THAT(actions, IsEmpty());
}

}  // namespace
}  // namespace headwater::tuner
