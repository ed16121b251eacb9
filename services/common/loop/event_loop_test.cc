#include "services/common/loop/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <vector>

#include "services/common/time/clock.h"

namespace headwater {
namespace {

TEST(EventLoopTest, RunsTimersInOrder) {
  EventLoop loop;
  std::vector<int> order;
  const MonoTime start = MonoNow();
  loop.At(start + 3ms, [&] { order.push_back(3); });
  loop.At(start + 1ms, [&] { order.push_back(1); });
  const auto cancelled = loop.At(start + 2ms, [&] { order.push_back(2); });
  loop.At(start + 4ms, [&] { loop.Stop(); });
  loop.Cancel(cancelled);
  loop.Cancel(cancelled);
  loop.Run();
  EXPECT_EQ(order, (std::vector<int>{1, 3}));
}

TEST(EventLoopTest, RunsTasksOfOtherThreadsOnItsOwn) {
  EventLoop loop;
  int runs = 0;
  std::jthread other([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.Post([&] {
        EXPECT_TRUE(loop.IsLoopThread());
        if (++runs == 1000) loop.Stop();
      });
    }
  });
  loop.Run();
  EXPECT_EQ(runs, 1000);
}

TEST(EventLoopTest, TasksThatHaveNotRunLiveAsLongAsTheLoop) {
  const auto owned = std::make_shared<int>(1);
  {
    EventLoop loop;
    loop.Post([&] { loop.Stop(); });
    loop.Post([owned] { FAIL() << "runs after Stop"; });
    loop.Run();
    EXPECT_EQ(owned.use_count(), 2);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(EventLoopTest, ACallbackMayRemoveItself) {
  EventLoop loop;
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  ASSERT_EQ(write(fds[1], "x", 1), 1);
  int calls = 0;
  loop.AddFd(fds[0], EPOLLIN, [&](uint32_t events) {
    EXPECT_TRUE(events & EPOLLIN);
    ++calls;
    loop.RemoveFd(fds[0]);
    loop.At(loop.now() + 2ms, [&] { loop.Stop(); });
  });
  loop.Run();
  EXPECT_EQ(calls, 1);
  close(fds[0]);
  close(fds[1]);
}

}  // namespace
}  // namespace headwater
