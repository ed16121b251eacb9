#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "services/common/time/mono_time.h"

namespace headwater {

// One deadline for each of many keys, for cores that hold thousands of timers. Setting is O(log n),
// and O(1) when a deadline only moves later, which is what refreshed soft state does all day.
// Memory stays within a constant factor of the number of keys. Keys are copied; not thread-safe.
template <typename Key>
class DeadlineQueue {
 public:
  // Sets or moves the key's deadline; kNever removes it.
  void Set(const Key& key, MonoTime when) {
    if (when == kNever) {
      Remove(key);
      return;
    }
    Entry& entry = entries_[key];
    entry.when = when;
    if (when >= entry.queued) return;  // found again when the queued one is due
    entry.queued = when;
    Push({when, key});
  }

  void Remove(const Key& key) { entries_.erase(key); }

  void Clear() {
    entries_.clear();
    heap_.clear();
  }

  // No deadline is earlier than this. It may itself be earlier than all of them, because of keys
  // moved or removed: PopDue then gives nothing, and the next answer is later.
  MonoTime Next() const { return heap_.empty() ? kNever : heap_.front().when; }

  // Takes off one key whose deadline is at or before `now`; nothing when there is none.
  std::optional<Key> PopDue(MonoTime now) {
    while (!heap_.empty() && heap_.front().when <= now) {
      Item item = Pop();
      auto found = entries_.find(item.key);
      if (found == entries_.end() || found->second.queued != item.when) continue;
      if (found->second.when > item.when) {
        found->second.queued = found->second.when;
        item.when = found->second.when;
        Push(std::move(item));
        continue;
      }
      entries_.erase(found);
      return std::move(item.key);
    }
    return std::nullopt;
  }

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    MonoTime when;
    MonoTime queued = kNever;  // the heap item that stands for this key; others are stale
  };
  struct Item {
    MonoTime when;
    Key key;
  };
  static bool Later(const Item& a, const Item& b) { return a.when > b.when; }

  void Push(Item item) {
    if (heap_.size() > 2 * entries_.size() + 64) DropStale();
    heap_.push_back(std::move(item));
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }

  Item Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    Item item = std::move(heap_.back());
    heap_.pop_back();
    return item;
  }

  void DropStale() {
    std::erase_if(heap_, [this](const Item& item) {
      auto found = entries_.find(item.key);
      return found == entries_.end() || found->second.queued != item.when;
    });
    std::make_heap(heap_.begin(), heap_.end(), Later);
  }

  absl::flat_hash_map<Key, Entry> entries_;
  std::vector<Item> heap_;
};

}  // namespace headwater
