#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/mcast-monitor/event_store_shell.h"

namespace headwater::monitor {

// The store on threads of its own, one that writes and one that searches, so that a slow disk never
// keeps the loop from its sockets. Used from the loop's thread.
class StoreWorker {
 public:
  using Found = absl::AnyInvocable<void(absl::StatusOr<std::vector<Event>>)>;
  // Searches that wait; one more is refused.
  static constexpr size_t kSearchesMax = 16;

  struct Stats {
    EventStore::Stats kept;
    // No room in the queue, or not written for an error.
    uint64_t dropped = 0;
    size_t queued = 0;
    std::string error;
  };

  StoreWorker(EventLoop& loop, Logger& log, std::string folder, const StoreOptions& options,
              std::unique_ptr<EventStore> store)
      : loop_(loop),
        log_(log),
        folder_(std::move(folder)),
        queue_max_(options.queue_max),
        store_(std::move(store)) {}
  // Writes what waits.
  ~StoreWorker();

  // After privileges are gone.
  void Start();
  void Add(const Event& event);
  // `found` runs on the loop. RESOURCE_EXHAUSTED when too many wait.
  void Search(SearchRequest request, Found found);
  Stats stats();

 private:
  void RunWriter();
  void RunSearches();

  EventLoop& loop_;
  Logger& log_;
  const std::string folder_;
  const size_t queue_max_;
  std::unique_ptr<EventStore> store_;  // the writer's

  std::mutex mutex_;
  std::condition_variable wake_writer_, wake_searcher_;
  // All below guarded by mutex_.
  bool ending_ = false;
  std::vector<Event> queue_;
  std::deque<std::pair<SearchRequest, Found>> searches_;
  Stats stats_;

  std::jthread writer_, searcher_;
};

}  // namespace headwater::monitor
