#include "services/rtp-packager/frame_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

namespace headwater::packager {
namespace {

struct Frame {
  std::vector<uint8_t> bytes;
  uint32_t samples;
};

TEST(FrameQueueTest, GivesWhatWasPushedInOrderWhateverItsSize) {
  std::mt19937 random(1);
  FrameQueue queue;
  std::deque<Frame> expected;
  size_t octets = 0;
  for (int i = 0; i < 20000; ++i) {
    // Fills and empties by turns; now and then a frame is larger than a block.
    const bool push = expected.empty() || random() % 100 < (i / 1000 % 2 == 0 ? 60u : 40u);
    if (push) {
      const size_t size = random() % 50 == 0 ? random() % 30000 : random() % 1500;
      const Frame frame = {std::vector<uint8_t>(size, static_cast<uint8_t>(random())),
                           static_cast<uint32_t>(1 + random() % 2048)};
      queue.Push({frame.bytes, frame.samples, 48000});
      expected.push_back(frame);
      octets += size;
    } else {
      const AudioFrameView front = queue.Front();
      ASSERT_EQ(std::vector<uint8_t>(front.bytes.begin(), front.bytes.end()),
                expected.front().bytes);
      ASSERT_EQ(front.samples, expected.front().samples);
      ASSERT_EQ(front.sample_rate, 48000u);
      octets -= expected.front().bytes.size();
      expected.pop_front();
      queue.Pop();
    }
    ASSERT_EQ(queue.octets(), octets);
    ASSERT_EQ(queue.empty(), expected.empty());
    ASSERT_EQ(queue.pushed_total() - queue.popped_total(), expected.size());
  }
  queue.Clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.length(), Duration{});
}

}  // namespace
}  // namespace headwater::packager
