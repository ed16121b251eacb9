#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <vector>

#include "services/directory-resolver/feed/feed.h"

namespace headwater::directory_resolver {

// Where a fetched directory stands; it survives a restart.
struct FeedState {
  // Of the options with which the document in force was taken.
  std::string fingerprint;
  // For a conditional request; empty where the server gave none.
  std::string etag;
  std::string last_modified;
  // InfinitePast: never.
  absl::Time last_attempt = absl::InfinitePast();
  // The newest document that was taken, or found unchanged.
  absl::Time last_success = absl::InfinitePast();
  // Of the newest attempt; empty when it succeeded.
  std::string error;
  // Of the document in force.
  FeedCounts counts;

  bool operator==(const FeedState&) const = default;
};

// When to fetch next. At once when it was never fetched or was fetched with other options; a clock
// that was set back delays it by no more than one period.
absl::Time NextRefresh(const FeedState& state, DirectorySource source, const FeedOptions& options,
                       absl::Time now);

// Whether a document may take the place of the one before. FAILED_PRECONDITION: it has no station,
// or absurdly fewer than before. A document of other options is only asked for its first station:
// it is the person who shrinks then.
absl::Status CheckShrinking(const FeedState& state, DirectorySource source,
                            const FeedOptions& options, size_t before, size_t after);

// One station that a document changes.
struct FeedChange {
  enum class Kind { kAdded, kRemoved, kChanged };
  Kind kind = Kind::kAdded;
  // In `after`, or of a removed one in `before`.
  size_t index = 0;
  // "title", "urls", "tags", "homepage", "logo_url", "details".
  std::vector<std::string> fields;
};

// From what is in force to what a document says, by identity: in the document's order, removed ones
// last. Votes change always and are no change.
std::vector<FeedChange> DiffStations(const std::vector<LineupStation>& before,
                                     const std::vector<LineupStation>& after);

// How many of each kind.
struct FeedChangeCounts {
  uint32_t added = 0;
  uint32_t removed = 0;
  uint32_t changed = 0;

  uint32_t total() const { return added + removed + changed; }
};
FeedChangeCounts CountChanges(const std::vector<FeedChange>& changes);

// What a document would change.
struct FeedDiff {
  std::vector<LineupStation> before;
  std::vector<LineupStation> after;
  std::vector<FeedChange> changes;
  // Why it would be refused; empty: it would be taken.
  std::string refused;
};

}  // namespace headwater::directory_resolver
