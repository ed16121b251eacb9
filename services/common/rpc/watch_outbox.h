#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace headwater {

// What waits for one reader of a Watch stream, in order. A message that still waits is replaced by
// a newer one of the same key, so a slow reader sees the newest state of each key and not each
// step. A message without a key keeps its place among all others: it is never replaced, and nothing
// that comes after it replaces what waits before it. Pure; not thread-safe.
template <typename Response>
class WatchOutbox {
 public:
  explicit WatchOutbox(size_t pending_max) : pending_max_(pending_max) {}

  // False, and nothing has changed, when too many wait.
  bool Push(const std::string& key, const Response& response) {
    if (const auto waiting = by_key_.find(key); waiting != by_key_.end()) {
      waiting->second->response = response;
      return true;
    }
    if (pending_.size() >= pending_max_) return false;
    pending_.push_back(std::make_unique<Entry>(Entry{key, response}));
    if (key.empty()) {
      by_key_.clear();
    } else {
      by_key_[key] = pending_.back().get();
    }
    return true;
  }

  // The oldest; nothing when none waits.
  std::optional<Response> Pop() {
    if (pending_.empty()) return std::nullopt;
    const std::unique_ptr<Entry> entry = std::move(pending_.front());
    pending_.pop_front();
    // A newer one of its key may wait behind a message without one.
    const auto waiting = by_key_.find(entry->key);
    if (waiting != by_key_.end() && waiting->second == entry.get()) by_key_.erase(waiting);
    return std::move(entry->response);
  }

  void Clear() {
    pending_.clear();
    by_key_.clear();
  }

 private:
  struct Entry {
    std::string key;
    Response response;
  };

  const size_t pending_max_;
  std::deque<std::unique_ptr<Entry>> pending_;
  // Those that a newer message may replace.
  std::unordered_map<std::string, Entry*> by_key_;
};

}  // namespace headwater
