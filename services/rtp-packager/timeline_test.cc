#include "services/rtp-packager/timeline.h"

#include <gtest/gtest.h>

namespace headwater::packager {
namespace {

const MonoTime kStart = MonoTime{} + 100s;

TEST(TimelineTest, SendsAtMediaPaceWithoutBurst) {
  Timeline line;
  line.Start(kStart, 7s, 0s, 4);
  EXPECT_EQ(line.SendTime(7s), kStart);
  EXPECT_EQ(line.SendTime(10s), kStart + 3s);
  EXPECT_EQ(line.At(kStart + 3s), 10s);
}

TEST(TimelineTest, BurstRunsAtItsSpeedThenTheNormalPace) {
  Timeline line;
  line.Start(kStart, 0s, 1s, 4);
  EXPECT_EQ(line.SendTime(0s), kStart);
  EXPECT_EQ(line.SendTime(400ms), kStart + 100ms);
  EXPECT_EQ(line.SendTime(1s), kStart + 250ms);
  EXPECT_EQ(line.SendTime(3s), kStart + 2250ms);
  EXPECT_EQ(line.At(kStart + 100ms), 400ms);
  EXPECT_EQ(line.At(kStart + 2250ms), 3s);
  for (Duration media : {0ms, 400ms, 1000ms, 3000ms}) {
    EXPECT_EQ(line.PlayTime(media), kStart + media);
  }
}

TEST(TimelineTest, LateMediaShiftsAllThatFollows) {
  Timeline line;
  line.Start(kStart, 0s, 0s, 1);
  line.Shift(kStart + 5s, 4s);
  EXPECT_EQ(line.SendTime(4s), kStart + 5s);
  EXPECT_EQ(line.SendTime(6s), kStart + 7s);
  line.Shift(kStart + 6s, 6s);
  EXPECT_EQ(line.SendTime(6s), kStart + 7s) << "media in time moved the line";
}

TEST(TimelineTest, ShiftWithinTheBurstKeepsTheRestOfTheBurst) {
  Timeline line;
  line.Start(kStart, 0s, 1s, 4);
  line.Shift(kStart + 1s, 500ms);
  EXPECT_EQ(line.SendTime(500ms), kStart + 1s);
  EXPECT_EQ(line.SendTime(1s), kStart + 1125ms);
}

TEST(TimelineTest, RateTurnsTheLineAboutThePresent) {
  Timeline line;
  line.Start(kStart, 0s, 0s, 1);
  line.SetRate(kStart + 100s, 100);
  EXPECT_EQ(line.At(kStart + 100s), 100s);
  EXPECT_EQ(line.At(kStart + 1100s), 1100s + 100ms);
  EXPECT_EQ(line.SendTime(1100s + 100ms), kStart + 1100s);
}

TEST(TimelineTest, RateIsClamped) {
  Timeline line;
  line.Start(kStart, 0s, 0s, 1);
  line.SetRate(kStart, 5000);
  EXPECT_EQ(line.rate_ppm(), Timeline::kRateMaxPpm);
}

// A source 80 ppm faster than our clock, which delivers each 100 ms, for a day: the reserve of 4 s
// neither runs dry nor over.
TEST(DriftControlTest, FollowsAFastSourceForADay) {
  Timeline line;
  DriftControl control;
  line.Start(kStart, 0s, 0s, 1);
  Duration low = 100s;
  Duration high = 0s;
  for (Duration passed = 0s; passed < 24h; passed += 100ms) {
    const MonoTime now = kStart + passed;
    const Duration delivered = 4s + passed + passed * 80 / 1'000'000;
    const Duration depth = delivered - line.At(now);
    low = std::min(low, depth);
    high = std::max(high, depth);
    if (control.OnDepth(now, depth)) line.SetRate(now, control.rate_ppm());
  }
  EXPECT_GT(low, 3900ms);
  EXPECT_LT(high, 5s);
  EXPECT_NEAR(line.rate_ppm(), 80, 5);
}

}  // namespace
}  // namespace headwater::packager
