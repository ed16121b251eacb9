#include "services/common/rpc/watch_outbox.h"

#include <gtest/gtest.h>

#include <vector>

namespace headwater {
namespace {

std::vector<int> TakeAll(WatchOutbox<int>& outbox) {
  std::vector<int> all;
  while (const auto next = outbox.Pop()) all.push_back(*next);
  return all;
}

TEST(WatchOutboxTest, ReplacesWhatWaitsUnderTheSameKeyInItsPlace) {
  WatchOutbox<int> outbox(10);
  outbox.Push("a", 1);
  outbox.Push("b", 2);
  outbox.Push("a", 3);
  EXPECT_EQ(TakeAll(outbox), (std::vector<int>{3, 2}));
  outbox.Push("a", 4);
  EXPECT_EQ(TakeAll(outbox), (std::vector<int>{4}));
}

// A group's update waits, its link goes down, and then the group is removed: were the removal to
// take the update's place, the reader would take the group for absent while its link was up.
TEST(WatchOutboxTest, NothingOvertakesAMessageWithoutKey) {
  WatchOutbox<int> outbox(10);
  outbox.Push("lan group", 1);
  outbox.Push("", 2);
  outbox.Push("lan group", 3);
  outbox.Push("lan group", 4);
  outbox.Push("", 5);
  EXPECT_EQ(TakeAll(outbox), (std::vector<int>{1, 2, 4, 5}));
}

TEST(WatchOutboxTest, WhatIsTakenBeforeAMessageWithoutKeyLeavesTheNewerReplaceable) {
  WatchOutbox<int> outbox(10);
  outbox.Push("a", 1);
  outbox.Push("", 2);
  outbox.Push("a", 3);
  EXPECT_EQ(outbox.Pop(), 1);
  outbox.Push("a", 4);
  EXPECT_EQ(TakeAll(outbox), (std::vector<int>{2, 4}));
}

TEST(WatchOutboxTest, TooManyAreRefusedButReplacementsAreNot) {
  WatchOutbox<int> outbox(2);
  EXPECT_TRUE(outbox.Push("a", 1));
  EXPECT_TRUE(outbox.Push("b", 2));
  EXPECT_FALSE(outbox.Push("c", 3));
  EXPECT_FALSE(outbox.Push("", 3));
  EXPECT_TRUE(outbox.Push("a", 4));
  EXPECT_EQ(TakeAll(outbox), (std::vector<int>{4, 2}));
}

}  // namespace
}  // namespace headwater
