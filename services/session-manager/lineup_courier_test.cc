#include "services/session-manager/lineup_courier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::session_manager {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LineupCourierTest : public ::testing::Test {
 protected:
  // What is to be done now, a word each.
  std::vector<std::string> Due() {
    CourierActions actions;
    courier_.Next(now_, actions);
    std::vector<std::string> words;
    for (const CourierAction& action : actions) {
      if (const auto* lineup = std::get_if<ReportLineup>(&action)) {
        std::string text = "lineup";
        for (const std::string& each : lineup->carriers) text += " " + each.substr(0, 20);
        words.push_back(text);
      } else if (const auto* guide = std::get_if<ReportGuide>(&action)) {
        std::string text = "guide";
        for (const std::string& each : guide->guides) text += " " + each.substr(0, 20);
        words.push_back(text);
      } else {
        words.emplace_back("reopen");
      }
    }
    return words;
  }
  std::vector<std::string> DueAfter(Duration time) {
    now_ += time;
    return Due();
  }
  void Sync() {
    courier_.OnResolverConnected(now_);
    courier_.OnCarrier("a", "A1", now_);
    courier_.OnCarrier("b", "B1", now_);
    courier_.OnLineupSynced(now_);
    ASSERT_THAT(DueAfter(1s), ElementsAre("lineup A1 B1"));
    courier_.OnLineupReported(true, now_);
  }

  LineupCourier courier_;
  MonoTime now_ = MonoTime{} + 1000s;
};

TEST_F(LineupCourierTest, TellsTheWholeLineupAMomentAfterTheFirstNews) {
  courier_.OnResolverConnected(now_);
  courier_.OnCarrier("a", "A1", now_);
  EXPECT_THAT(DueAfter(5s), IsEmpty()) << "half a snapshot";
  courier_.OnLineupSynced(now_);
  EXPECT_THAT(Due(), ElementsAre("lineup A1"));
  EXPECT_THAT(DueAfter(5s), IsEmpty());
  courier_.OnLineupReported(true, now_);
  EXPECT_EQ(courier_.NextDeadline(), kNever);
  courier_.OnCarrier("a", "A1", now_);
  EXPECT_EQ(courier_.NextDeadline(), kNever) << "nothing new";
  // News each 100 ms do not put it off for ever.
  for (int i = 0; i < 10; ++i) {
    courier_.OnCarrier("b", "B" + std::to_string(i), now_);
    EXPECT_THAT(Due(), IsEmpty());
    now_ += 100ms;
  }
  EXPECT_THAT(Due(), ElementsAre("lineup A1 B9"));
}

TEST_F(LineupCourierTest, ATunerThatIsAwayOrComesBackEmptyHasNoEmptyLineup) {
  Sync();
  courier_.OnLineupEnded();
  EXPECT_THAT(DueAfter(100s), IsEmpty());
  courier_.OnCarrier("a", "A1", now_);
  EXPECT_THAT(DueAfter(100s), IsEmpty());
  courier_.OnLineupSynced(now_);
  EXPECT_THAT(DueAfter(1s), ElementsAre("lineup A1")) << "b has gone, which is known now";
}

TEST_F(LineupCourierTest, ARemovedCarrierIsLeftOut) {
  Sync();
  courier_.OnCarrierRemoved("a", now_);
  courier_.OnCarrierRemoved("x", now_);
  EXPECT_THAT(DueAfter(1s), ElementsAre("lineup B1"));
}

TEST_F(LineupCourierTest, AFailureIsTriedAgainWithADoublingWait) {
  Sync();
  courier_.OnCarrier("a", "A2", now_);
  EXPECT_THAT(DueAfter(1s), ElementsAre("lineup A2 B1"));
  for (const Duration wait : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    courier_.OnLineupReported(false, now_);
    EXPECT_EQ(courier_.NextDeadline(), now_ + wait);
    EXPECT_THAT(DueAfter(wait), ElementsAre("lineup A2 B1"));
  }
  courier_.OnLineupReported(true, now_);
  EXPECT_EQ(courier_.NextDeadline(), kNever);
}

TEST_F(LineupCourierTest, AResolverThatComesBackIsToldAllAgain) {
  Sync();
  courier_.OnResolverDisconnected();
  courier_.OnCarrier("a", "A2", now_);
  EXPECT_THAT(DueAfter(100s), IsEmpty());
  EXPECT_EQ(courier_.NextDeadline(), kNever);
  courier_.OnResolverConnected(now_);
  EXPECT_THAT(Due(), ElementsAre("reopen", "lineup A2 B1"));
  courier_.OnLineupReported(true, now_);
  courier_.OnResolverDisconnected();
  courier_.OnResolverConnected(now_);
  EXPECT_THAT(DueAfter(1s), ElementsAre("reopen", "lineup A2 B1"));
}

TEST_F(LineupCourierTest, TheGuideGoesInBatchesOfWhatHasChanged) {
  Sync();
  const std::string large(600 << 10, 'x');
  courier_.OnGuide("1", "old", now_);
  courier_.OnGuide("1", "p1", now_);
  courier_.OnGuide("2", "p2" + large, now_);
  courier_.OnGuide("3", "p3" + large, now_);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_THAT(DueAfter(1s), ElementsAre("guide p1 p2xxxxxxxxxxxxxxxxxx"));
  EXPECT_THAT(DueAfter(10s), IsEmpty()) << "one call at a time";
  courier_.OnGuideReported(true, now_);
  EXPECT_THAT(Due(), ElementsAre("guide p3xxxxxxxxxxxxxxxxxx"));
  courier_.OnGuideReported(true, now_);
  EXPECT_EQ(courier_.NextDeadline(), kNever);
}

TEST_F(LineupCourierTest, AGuideThatWasNotTakenComesAgainUnlessThereIsANewerOne) {
  Sync();
  courier_.OnGuide("1", "p1", now_);
  courier_.OnGuide("2", "p2", now_);
  EXPECT_THAT(DueAfter(1s), ElementsAre("guide p1 p2"));
  courier_.OnGuide("2", "p2 new", now_);
  courier_.OnGuideReported(false, now_);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_THAT(DueAfter(1s), ElementsAre("guide p1 p2 new"));
}

TEST_F(LineupCourierTest, WhatIsTooMuchIsLeftOutAndCounted) {
  courier_.OnResolverConnected(now_);
  for (size_t i = 0; i <= LineupCourier::kCarriersMax; ++i) {
    courier_.OnCarrier(std::to_string(i), "c", now_);
  }
  EXPECT_EQ(courier_.stats().dropped_total, 1u);
  courier_.OnCarrier("1", std::string(LineupCourier::kLineupOctetsMax, 'x'), now_);
  EXPECT_EQ(courier_.stats().dropped_total, 2u);
  const std::string guide(8 << 20, 'x');
  for (int i = 0; i < 9; ++i) courier_.OnGuide(std::to_string(i), guide, now_);
  EXPECT_EQ(courier_.stats().dropped_total, 3u);
  courier_.OnGuide("3", guide, now_);
  EXPECT_EQ(courier_.stats().dropped_total, 3u) << "in place of its own";
}

}  // namespace
}  // namespace headwater::session_manager
