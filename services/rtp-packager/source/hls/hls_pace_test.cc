#include "services/rtp-packager/source/hls/hls_pace.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

using Verdict = HlsPace::Verdict;

// Segments of 6 s, where the dearer variant has twice the bits.
class HlsPaceTest : public testing::Test {
 protected:
  Verdict Segment(Duration took, bool held = false, double dearer = 2) {
    now_ += std::max<Duration>(took, 6s);
    return pace_.OnSegment(took, 6s, 6s, held, dearer, now_);
  }
  // Seconds of such segments until the verdict; an hour and a half at most.
  double UntilDearer(Duration took, bool held = false) {
    const MonoTime began = now_;
    while (now_ - began < 90min) {
      if (Segment(took, held) == Verdict::kDearer) break;
    }
    return std::chrono::duration<double>(now_ - began).count();
  }
  void Fall() {
    ASSERT_EQ(Segment(9s), Verdict::kKeep);
    ASSERT_EQ(Segment(9s), Verdict::kCheaper);
    pace_.OnChange(Verdict::kCheaper, now_);
  }

  HlsPace pace_;
  MonoTime now_{};
};

TEST_F(HlsPaceTest, OneSlowSegmentIsNoReason) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Segment(9s, false, 0), Verdict::kKeep);
    EXPECT_EQ(Segment(2s, false, 0), Verdict::kKeep);
  }
}

TEST_F(HlsPaceTest, TwoSlowSegmentsInARowAreOne) {
  EXPECT_EQ(Segment(9s), Verdict::kKeep);
  EXPECT_EQ(Segment(9s), Verdict::kCheaper);
  EXPECT_NEAR(pace_.speed(), 2.0 / 3, 0.01);
}

TEST_F(HlsPaceTest, SoIsOneThatTakesForEver) { EXPECT_EQ(Segment(18s), Verdict::kCheaper); }

TEST_F(HlsPaceTest, ASegmentSentWhileItIsMadeIsNotSlow) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Segment(i % 2 == 0 ? 7s : 5s), Verdict::kKeep);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Segment(6500ms), Verdict::kKeep);
}

TEST_F(HlsPaceTest, WhatTheListenerHeldBackIsNotSlow) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Segment(60s, true, 0), Verdict::kKeep);
}

TEST_F(HlsPaceTest, GoesBackAfterFiveMinutesInHalfTheTimeOfTheDearerOne) {
  Fall();
  EXPECT_NEAR(UntilDearer(1500ms), 300, 7);
}

TEST_F(HlsPaceTest, GoesBackWhereTheListenerHoldsBackAll) {
  Fall();
  EXPECT_NEAR(UntilDearer(6s, true), 300, 7);
}

TEST_F(HlsPaceTest, StaysWhereTheDearerOneWouldHardlyComeInTime) {
  Fall();
  EXPECT_GE(UntilDearer(1600ms), 90 * 60);
}

TEST_F(HlsPaceTest, EachFurtherFallDoublesTheWaitUpToAnHour) {
  for (const int minutes : {5, 10, 20, 40, 60, 60}) {
    Fall();
    EXPECT_NEAR(UntilDearer(1s), minutes * 60, 7);
    pace_.OnChange(Verdict::kDearer, now_);
  }
}

}  // namespace
}  // namespace headwater
