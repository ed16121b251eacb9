#include "services/session-manager/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kNumber = 0x80000001;

MediaFormat Mpa() { return {.encoding = "MPA", .payload_type = 14, .clock_rate = 90'000}; }

class CheckerTest : public ::testing::Test {
 protected:
  CheckerTest() { world_.sender = 1; }

  static DueStation Radio(std::vector<std::string> urls) {
    return {.station = {.number = kNumber, .title = "Radio", .urls = std::move(urls)},
            .local = true};
  }
  void Wait(Duration duration) {
    now_ += duration;
    checker_.OnTime(world_, now_, out_);
  }
  void Due(absl::StatusOr<std::optional<DueStation>> due) {
    checker_.OnDue(std::move(due), world_, now_, out_);
  }
  void Found(const absl::StatusOr<Probed>& probed) {
    checker_.OnProbed(probed, world_, now_, out_);
  }
  // The one action since the last call.
  template <typename T>
  T Take() {
    const CheckerActions actions = std::exchange(out_, {});
    EXPECT_THAT(actions, SizeIs(1));
    if (actions.size() != 1 || !std::holds_alternative<T>(actions[0])) {
      ADD_FAILURE() << "another action";
      return {};
    }
    return std::get<T>(actions[0]);
  }

  MonoTime now_{};
  Checker checker_{30s, MonoTime{}};
  CheckWorld world_;
  CheckerActions out_;
};

TEST_F(CheckerTest, ADueStationIsProbedAndReportedOnceAPeriod) {
  Wait(29s);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_EQ(checker_.NextDeadline(), MonoTime{} + 30s);
  Wait(1s);
  Take<AskDue>();
  EXPECT_EQ(checker_.NextDeadline(), kNever);
  Wait(1h);
  EXPECT_THAT(out_, IsEmpty()) << "one at a time";
  Due(Radio({"http://a/"}));
  const auto probe = Take<ProbeSource>();
  EXPECT_EQ(probe.number, kNumber);
  EXPECT_EQ(probe.sender, 1u);
  EXPECT_EQ(probe.url, "http://a/");
  EXPECT_TRUE(probe.local);
  Wait(1h);
  EXPECT_THAT(out_, IsEmpty());
  Found(Probed{.format = Mpa(), .info = {}});
  const auto report = Take<ReportCheck>();
  EXPECT_EQ(report.number, kNumber);
  EXPECT_EQ(report.format, Mpa());
  EXPECT_EQ(checker_.NextDeadline(), now_ + 30s);
}

TEST_F(CheckerTest, AStationFailsWhenAllItsSourcesDo) {
  Wait(30s);
  Due(Radio({"http://a/", "http://b/", "http://c/", "http://d/"}));
  for (const char* url : {"http://a/", "http://b/", "http://c/"}) {
    EXPECT_EQ(std::get<ProbeSource>(out_.back()).url, url);
    out_.clear();
    Found(absl::UnavailableError("connect: refused"));
  }
  const auto report = Take<ReportCheck>();
  EXPECT_FALSE(report.format);
  EXPECT_EQ(report.error, "connect: refused");
}

TEST_F(CheckerTest, WhatIsNotTheSourcesFaultIsNotReported) {
  Wait(30s);
  Due(Radio({"http://a/", "http://b/"}));
  out_.clear();
  Found(absl::ResourceExhaustedError("too many probes at once"));
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_EQ(checker_.NextDeadline(), now_ + 30s);
}

TEST_F(CheckerTest, WaitsWhileASessionStartsOrNoSenderIsThere) {
  world_.starting = true;
  Wait(30s);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_EQ(checker_.NextDeadline(), now_ + Checker::kPatience);
  world_.starting = false;
  world_.sender.reset();
  Wait(1s);
  EXPECT_THAT(out_, IsEmpty());
  world_.sender = 0;
  Wait(1s);
  Take<AskDue>();
  // Also between the steps of a check, which then goes on where it was.
  world_.starting = true;
  Due(Radio({"http://a/", "http://b/"}));
  EXPECT_THAT(out_, IsEmpty());
  world_.starting = false;
  Wait(1s);
  EXPECT_EQ(Take<ProbeSource>().url, "http://a/");
  world_.starting = true;
  Found(absl::UnavailableError("dns: no such name"));
  EXPECT_THAT(out_, IsEmpty());
  world_.starting = false;
  Wait(1s);
  EXPECT_EQ(Take<ProbeSource>().url, "http://b/");
}

TEST_F(CheckerTest, AsksAgainAPeriodLaterWhenThereIsNothingToCheck) {
  world_.served = {kNumber};
  const absl::StatusOr<std::optional<DueStation>> answers[] = {
      std::optional<DueStation>(), absl::UnavailableError("away"),
      std::optional<DueStation>(Radio({})), std::optional<DueStation>(Radio({"http://a/"}))};
  for (const auto& answer : answers) {
    Wait(30s);
    Take<AskDue>();
    Due(answer);
    EXPECT_THAT(out_, IsEmpty());
    EXPECT_EQ(checker_.NextDeadline(), now_ + 30s);
  }
}

TEST_F(CheckerTest, ThePeriodChangesLive) {
  checker_.SetPeriod(0s, now_);
  EXPECT_EQ(checker_.NextDeadline(), kNever);
  checker_.SetPeriod(5s, now_);
  Wait(5s);
  Take<AskDue>();
  // The check under way goes on, and is the last.
  checker_.SetPeriod(0s, now_);
  Due(Radio({"http://a/"}));
  Take<ProbeSource>();
  Found(absl::UnavailableError("dns: no such name"));
  Take<ReportCheck>();
  EXPECT_EQ(checker_.NextDeadline(), kNever);
}

TEST(CheckWorldTest, ShowsStartsSendersAndWhatIsServed) {
  SimWorld sim;
  sim.Boot();
  EXPECT_EQ(WorldOf(sim.reconciler()).sender, 0u);
  EXPECT_FALSE(WorldOf(sim.reconciler()).starting);
  sim.Join(GroupOf(1), "lan");
  sim.Advance(5ms);
  EXPECT_TRUE(WorldOf(sim.reconciler()).starting);
  sim.Advance(2s);
  EXPECT_FALSE(WorldOf(sim.reconciler()).starting);
  EXPECT_TRUE(WorldOf(sim.reconciler()).served.contains(kNumber));
  sim.KillPackager(0);
  sim.Advance(1s);
  EXPECT_FALSE(WorldOf(sim.reconciler()).sender);
}

}  // namespace
}  // namespace headwater::session_manager
