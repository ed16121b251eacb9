#include "services/common/time/deadline_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace headwater {
namespace {

constexpr MonoTime kStart{};

TEST(DeadlineQueueTest, GivesKeysInTheOrderOfTheirDeadlines) {
  DeadlineQueue<int> queue;
  queue.Set(1, kStart + 3s);
  queue.Set(2, kStart + 1s);
  queue.Set(3, kStart + 2s);
  EXPECT_EQ(queue.Next(), kStart + 1s);
  EXPECT_EQ(queue.PopDue(kStart), std::nullopt);
  EXPECT_EQ(queue.PopDue(kStart + 5s), 2);
  EXPECT_EQ(queue.PopDue(kStart + 5s), 3);
  EXPECT_EQ(queue.PopDue(kStart + 5s), 1);
  EXPECT_EQ(queue.PopDue(kStart + 5s), std::nullopt);
  EXPECT_EQ(queue.Next(), kNever);
}

TEST(DeadlineQueueTest, MovesAndRemoves) {
  DeadlineQueue<int> queue;
  queue.Set(1, kStart + 1s);
  queue.Set(1, kStart + 4s);
  EXPECT_EQ(queue.PopDue(kStart + 3s), std::nullopt) << "moved later";
  EXPECT_EQ(queue.Next(), kStart + 4s);
  queue.Set(1, kStart + 2s);
  EXPECT_EQ(queue.Next(), kStart + 2s) << "moved earlier";
  queue.Set(2, kStart + 2s);
  queue.Set(2, kNever);
  queue.Remove(7);
  EXPECT_EQ(queue.PopDue(kStart + 9s), 1);
  EXPECT_EQ(queue.PopDue(kStart + 9s), std::nullopt);
}

// Against a map that is searched from end to end, with a fixed seed.
TEST(DeadlineQueueTest, AgreesWithASlowQueue) {
  std::mt19937 random(20);
  DeadlineQueue<int> queue;
  std::map<int, MonoTime> slow;
  MonoTime now = kStart;
  for (int step = 0; step < 20000; ++step) {
    const int key = static_cast<int>(random() % 50);
    if (random() % 4 == 0) {
      queue.Remove(key);
      slow.erase(key);
    } else {
      const MonoTime when = now + std::chrono::milliseconds(random() % 1000);
      queue.Set(key, when);
      slow[key] = when;
    }
    now += std::chrono::milliseconds(random() % 5);
    while (auto due = queue.PopDue(now)) {
      ASSERT_TRUE(slow.contains(*due));
      ASSERT_LE(slow[*due], now);
      slow.erase(*due);
    }
    for (const auto& [left, when] : slow) {
      ASSERT_GT(when, now);
      ASSERT_LE(queue.Next(), when);
    }
  }
  EXPECT_EQ(queue.size(), slow.size());
}

}  // namespace
}  // namespace headwater
