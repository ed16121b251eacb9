#include "services/sap-announcer/token_bucket.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

constexpr MonoTime kStart{};

TEST(TokenBucketTest, BeginsFullAndRefillsSteadily) {
  TokenBucket bucket(16'000, 32'000, kStart);
  EXPECT_TRUE(bucket.Take(32'000, kStart));
  EXPECT_FALSE(bucket.Take(1, kStart));
  EXPECT_EQ(bucket.When(8'000, kStart), kStart + 500ms);
  EXPECT_FALSE(bucket.Take(8'000, kStart + 500ms - 1ns));
  EXPECT_TRUE(bucket.Take(8'000, kStart + 500ms));
}

TEST(TokenBucketTest, NeverHoldsMoreThanItsDepth) {
  TokenBucket bucket(16'000, 32'000, kStart);
  const MonoTime later = kStart + 24h * 365;
  EXPECT_TRUE(bucket.Take(32'000, later));
  EXPECT_FALSE(bucket.Take(1, later));
}

TEST(TokenBucketTest, CountsMoreThanTheDepthAsTheDepth) {
  TokenBucket bucket(1'000, 2'000, kStart);
  EXPECT_TRUE(bucket.Take(5'000, kStart));
  EXPECT_EQ(bucket.When(5'000, kStart), kStart + 2s);
  EXPECT_TRUE(bucket.Take(5'000, kStart + 2s));
}

TEST(TokenBucketTest, DrainsWhatThereIs) {
  TokenBucket bucket(1'000, 2'000, kStart);
  bucket.Drain(1'500, kStart);
  bucket.Drain(1'500, kStart);
  EXPECT_EQ(bucket.When(1'000, kStart), kStart + 1s);
}

TEST(TokenBucketTest, AlwaysGivesWhenItSaysSo) {
  TokenBucket bucket(16'007, 33'333, kStart);
  MonoTime now = kStart;
  uint64_t taken = 0;
  for (int i = 0; i < 10'000; ++i) {
    now = bucket.When(5'003, now);
    ASSERT_TRUE(bucket.Take(5'003, now));
    taken += 5'003;
  }
  const double seconds = std::chrono::duration<double>(now - kStart).count();
  EXPECT_NEAR(static_cast<double>(taken - 33'333) / seconds, 16'007, 5);
}

}  // namespace
}  // namespace headwater
