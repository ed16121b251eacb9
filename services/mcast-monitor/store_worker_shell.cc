#include "services/mcast-monitor/store_worker_shell.h"

#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/time/clock.h"

namespace headwater::monitor {
namespace {

// Events are put together for so long: a commit costs about as much as a hundred of them.
constexpr Duration kGather = 100ms;

}  // namespace

StoreWorker::~StoreWorker() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_writer_.notify_all();
  wake_searcher_.notify_all();
}

void StoreWorker::Start() {
  stats_.kept = store_->stats();
  writer_ = std::jthread([this] { RunWriter(); });
  searcher_ = std::jthread([this] { RunSearches(); });
}

void StoreWorker::Add(const Event& event) {
  std::lock_guard lock(mutex_);
  if (queue_.size() >= queue_max_) {
    ++stats_.dropped;
    return;
  }
  queue_.push_back(event);
  if (queue_.size() == 1) wake_writer_.notify_one();
}

void StoreWorker::Search(SearchRequest request, Found found) {
  {
    std::lock_guard lock(mutex_);
    if (searches_.size() < kSearchesMax) {
      searches_.emplace_back(std::move(request), std::move(found));
      wake_searcher_.notify_one();
      return;
    }
  }
  found(absl::ResourceExhaustedError("too many searches wait: try again"));
}

StoreWorker::Stats StoreWorker::stats() {
  std::lock_guard lock(mutex_);
  stats_.queued = queue_.size();
  return stats_;
}

void StoreWorker::RunWriter() {
  std::vector<Event> batch;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_writer_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    wake_writer_.wait_for(lock, kGather, [this] { return ending_; });
    batch.clear();
    batch.swap(queue_);
    lock.unlock();
    const absl::Status status = store_->Write(batch, WallNow());
    lock.lock();
    stats_.kept = store_->stats();
    if (!status.ok()) stats_.dropped += batch.size();
    const std::string error = status.ok() ? "" : std::string(FromAbsl(status.message()));
    if (error != stats_.error && !error.empty())
      log_.Error("events are not kept", {{"error", error}});
    if (error.empty() && !stats_.error.empty()) log_.Info("events are kept again");
    stats_.error = error;
  }
}

void StoreWorker::RunSearches() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_searcher_.wait(lock, [this] { return ending_ || !searches_.empty(); });
    if (ending_) return;
    auto [request, found] = std::move(searches_.front());
    searches_.pop_front();
    lock.unlock();
    loop_.Post([found = std::move(found), events = SearchStore(folder_, request)]() mutable {
      found(std::move(events));
    });
    lock.lock();
  }
}

}  // namespace headwater::monitor
