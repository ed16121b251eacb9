#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "services/mcast-monitor/event.h"

namespace headwater::monitor {

// Gives events their ids, knows a repeated one, counts them, and remembers the newest. Pure; one
// thread.
class EventLog {
 public:
  // What a tail may begin with; the oldest are forgotten.
  static constexpr size_t kRecentMax = 1000;
  // The same datagram again within so long is a repetition, not news.
  static constexpr absl::Duration kRepeatWindow = absl::Seconds(10);
  // Digests remembered for that; with more in the window the oldest are taken for new.
  static constexpr size_t kDigestsMax = 8192;

  using Counts =
      std::array<std::array<std::array<uint64_t, kSeverities>, kFacilities + 1>, kEventKinds>;

  // Events kept by an earlier life of this monitor, oldest first.
  void Restore(std::vector<Event> events);
  // Completes the event and returns it; valid until the next call.
  const Event& Add(Event event);

  const std::deque<Event>& recent() const { return recent_; }
  // [kind][facility, the last one for none][severity].
  const Counts& counts() const { return counts_; }
  uint64_t repeated_total() const { return repeated_; }

 private:
  bool Remember(uint64_t digest, absl::Time time);

  struct Seen {
    uint64_t digest;
    absl::Time time;
  };
  uint64_t last_id_ = 0;
  std::deque<Event> recent_;
  std::deque<Seen> order_;
  absl::flat_hash_map<uint64_t, absl::Time> seen_;
  Counts counts_ = {};
  uint64_t repeated_ = 0;
};

}  // namespace headwater::monitor
