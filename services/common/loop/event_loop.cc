#include "services/common/loop/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "services/common/base/check.h"
#include "services/common/time/clock.h"

namespace headwater {
namespace {

// The loop's own descriptors; a watch's generation is never 0 or 1.
constexpr uint64_t kWakeTag = 0;
constexpr uint64_t kTimerTag = 1;

// A generation travels with the descriptor, so that an event of a descriptor closed and reused
// within one batch is not given to its heir.
uint64_t Tag(int fd, uint64_t generation) { return generation << 32 | static_cast<uint32_t>(fd); }

epoll_event Event(uint32_t events, uint64_t tag) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = tag;
  return event;
}

}  // namespace

EventLoop::EventLoop()
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      now_(MonoNow()) {
  HW_CHECK(epoll_fd_ >= 0 && wake_fd_ >= 0 && timer_fd_ >= 0);
  epoll_event wake = Event(EPOLLIN, kWakeTag);
  epoll_event timer = Event(EPOLLIN, kTimerTag);
  HW_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &wake) == 0);
  HW_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, timer_fd_, &timer) == 0);
}

EventLoop::~EventLoop() {
  close(timer_fd_);
  close(wake_fd_);
  close(epoll_fd_);
}

void EventLoop::AddFd(int fd, uint32_t events, FdCallback callback) {
  auto watch = std::make_shared<Watch>(Watch{++next_generation_, std::move(callback)});
  epoll_event event = Event(events, Tag(fd, watch->generation));
  HW_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0);
  watches_[fd] = std::move(watch);
}

void EventLoop::ModifyFd(int fd, uint32_t events) {
  auto found = watches_.find(fd);
  HW_CHECK(found != watches_.end());
  epoll_event event = Event(events, Tag(fd, found->second->generation));
  HW_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void EventLoop::RemoveFd(int fd) {
  if (watches_.erase(fd) > 0) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::At(MonoTime when, Task task) {
  const TimerId id = next_timer_++;
  timers_.emplace(when, Timer{id, std::move(task)});
  timer_times_[id] = when;
  return id;
}

void EventLoop::Cancel(TimerId id) {
  auto found = timer_times_.find(id);
  if (found == timer_times_.end()) return;
  auto [first, last] = timers_.equal_range(found->second);
  for (auto timer = first; timer != last; ++timer) {
    if (timer->second.id != id) continue;
    timers_.erase(timer);
    break;
  }
  timer_times_.erase(found);
}

void EventLoop::Post(Task task) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    wake = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (!wake) return;
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void EventLoop::Run() {
  thread_ = std::this_thread::get_id();
  while (!stop_) {
    RunTasks();
    if (stop_) break;
    RunTimers();
    if (stop_) break;
    Wait();
  }
  thread_ = std::thread::id();
}

void EventLoop::Stop() {
  stop_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void EventLoop::Wait() {
  const MonoTime next = timers_.empty() ? kNever : timers_.begin()->first;
  if (next != armed_) {
    itimerspec spec = {};
    if (next != kNever) {
      const auto since = next.time_since_epoch();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
      spec.it_value.tv_sec = seconds.count();
      // 0 would disarm.
      spec.it_value.tv_nsec = std::max<long>(1, static_cast<long>((since - seconds).count()));
    }
    HW_CHECK(timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
    armed_ = next;
  }
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), -1);
  HW_CHECK(count >= 0 || errno == EINTR);
  now_ = MonoNow();
  for (int i = 0; i < count && !stop_; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const uint64_t tag = event.data.u64;
    uint64_t ignored;
    if (tag == kWakeTag) {
      [[maybe_unused]] const ssize_t size = read(wake_fd_, &ignored, sizeof ignored);
    } else if (tag == kTimerTag) {
      [[maybe_unused]] const ssize_t size = read(timer_fd_, &ignored, sizeof ignored);
      armed_ = kNever;
    } else {
      Dispatch(static_cast<int>(tag & 0xffffffff), tag >> 32, event.events);
    }
  }
}

void EventLoop::Dispatch(int fd, uint64_t generation, uint32_t events) {
  auto found = watches_.find(fd);
  if (found == watches_.end() || (found->second->generation & 0xffffffff) != generation) return;
  // Held here, so that a callback may remove itself.
  const std::shared_ptr<Watch> watch = found->second;
  watch->callback(events);
}

void EventLoop::RunTimers() {
  now_ = MonoNow();
  while (!timers_.empty() && timers_.begin()->first <= now_ && !stop_) {
    auto first = timers_.begin();
    Task task = std::move(first->second.task);
    timer_times_.erase(first->second.id);
    timers_.erase(first);
    task();
  }
}

void EventLoop::RunTasks() {
  std::deque<Task> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  if (!tasks.empty()) now_ = MonoNow();
  while (!tasks.empty() && !stop_) {
    Task task = std::move(tasks.front());
    tasks.pop_front();
    task();
  }
  if (tasks.empty()) return;
  // Kept as promised: what they own is destroyed with the loop, not under those who still use it.
  std::lock_guard lock(mutex_);
  tasks_.insert(tasks_.begin(), std::make_move_iterator(tasks.begin()),
                std::make_move_iterator(tasks.end()));
}

}  // namespace headwater
