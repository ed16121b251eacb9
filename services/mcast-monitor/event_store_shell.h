#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "services/common/sqlite/statement.h"
#include "services/common/time/mono_time.h"
#include "services/mcast-monitor/event.h"
#include "services/mcast-monitor/options.h"

namespace headwater::monitor {

// Keeps events in SQLite, a file for each million or so, named by its first event's id. What is too
// old, or too much, goes by removing the oldest file: at once, and the room is free again. Each
// file has the events and an index of their words (FTS5 without positions) and of what is filtered
// by. In write-ahead mode without a sync at each commit: a power cut can lose the newest seconds.
// One thread writes; searches have connections of their own.
class EventStore {
 public:
  struct Stats {
    uint64_t events = 0;
    uint64_t bytes = 0;
    // When the oldest segment begins; nothing without any.
    std::optional<absl::Time> oldest;
  };

  // Makes the folder when absent. UNAVAILABLE names the file.
  static absl::StatusOr<std::unique_ptr<EventStore>> Open(const std::string& folder,
                                                          const StoreOptions& options);
  // All or none, in the order of their ids, which are newer than all before. Then what is too old
  // at `now`, or too much, is removed.
  absl::Status Write(std::span<const Event> events, absl::Time now);
  const Stats& stats() const { return stats_; }

 private:
  struct Segment {
    std::string path;
    uint64_t events = 0;
    uint64_t bytes = 0;
  };

  EventStore(std::string folder, const StoreOptions& options)
      : folder_(std::move(folder)), options_(options) {}
  absl::Status Begin(uint64_t first_id);
  absl::Status Seal();
  absl::Status Insert(std::span<const Event> events);
  absl::Status Error(const std::string& what) const;
  void Retain(absl::Time now);

  const std::string folder_;
  const StoreOptions options_;
  // By the first id; the last one is being written while `current_` is open.
  std::map<uint64_t, Segment> segments_;
  sqlite::Handle current_;
  Stats stats_;
};

struct SearchRequest {
  EventFilter filter;
  size_t limit = 100;
  // Of the page before: older ones than this.
  std::optional<uint64_t> before;
  // The search gives up after so long.
  Duration patience = 5s;
};

// Newest first. The filter's times are compared with ids, which are the same unless the clock was
// set back. Fewer than the limit: there are no more. Any thread, beside the writer.
// DEADLINE_EXCEEDED: the filter leaves too much to look through.
absl::StatusOr<std::vector<Event>> SearchStore(const std::string& folder,
                                               const SearchRequest& request);

}  // namespace headwater::monitor
