#pragma once

#include <absl/functional/any_invocable.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "services/common/time/mono_time.h"

namespace headwater {

// One thread's epoll loop: file descriptors, deadlines and tasks posted from other threads. It is
// the only place where a service waits. Everything but Post, Stop and IsLoopThread is called on the
// loop's thread (or before Run). Callbacks may add and remove anything, themselves included.
class EventLoop {
 public:
  using Task = absl::AnyInvocable<void()>;
  using FdCallback = absl::AnyInvocable<void(uint32_t events)>;  // EPOLLIN, EPOLLOUT, ...
  using TimerId = uint64_t;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Level-triggered. The descriptor stays the caller's and is removed before it is closed.
  void AddFd(int fd, uint32_t events, FdCallback callback);
  void ModifyFd(int fd, uint32_t events);
  void RemoveFd(int fd);

  // Runs `task` once, at `when` or as soon after as the loop gets to it. Timer ids are never reused
  // and never 0.
  TimerId At(MonoTime when, Task task);
  // Does nothing when it has run or never was.
  void Cancel(TimerId id);

  // From any thread, in order. Tasks that have not run by Stop are dropped, unrun, when the loop is
  // destroyed.
  void Post(Task task);

  // Until Stop.
  void Run();
  // From any thread and from a signal-free context; Run returns after the callback in progress.
  void Stop();
  bool IsLoopThread() const { return thread_.load() == std::this_thread::get_id(); }

  // Time of the newest wake-up: one reading for all that happens in one turn.
  MonoTime now() const { return now_; }

 private:
  struct Timer {
    TimerId id;
    Task task;
  };
  struct Watch {
    uint64_t generation;
    FdCallback callback;
  };

  void Wait();
  void RunTimers();
  void RunTasks();
  void Dispatch(int fd, uint64_t generation, uint32_t events);

  int epoll_fd_;
  int wake_fd_;
  int timer_fd_;
  MonoTime now_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::thread::id> thread_;
  uint64_t next_generation_ = 1;
  TimerId next_timer_ = 1;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  std::multimap<MonoTime, Timer> timers_;
  std::unordered_map<TimerId, MonoTime> timer_times_;
  MonoTime armed_ = kNever;
  std::mutex mutex_;
  std::deque<Task> tasks_;  // guarded by mutex_
};

}  // namespace headwater
