#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <vector>

#include "services/directory-resolver/database.h"
#include "services/directory-resolver/feed/feed_refresh.h"
#include "services/directory-resolver/lineup.h"

namespace headwater::directory_resolver {

// Stations that no file holds: those of fetched documents and those that people have added; and
// where each fetched directory stands. Not thread-safe.
class EntryStore {
 public:
  enum class Kind { kFetched = 0, kAdded = 1 };

  explicit EntryStore(Database& database) : database_(database) {}

  // By identity.
  absl::StatusOr<std::vector<LineupStation>> Load(const std::string& directory, Kind kind);
  // To be called in a transaction.
  absl::Status Save(const std::string& directory, Kind kind, const LineupStation& station);
  absl::Status Remove(const std::string& directory, Kind kind, const std::string& identity);
  // Makes the stored stations of a directory be those of `after`. To be called in a transaction.
  absl::Status Apply(const std::string& directory, const std::vector<LineupStation>& before,
                     const std::vector<LineupStation>& after,
                     const std::vector<FeedChange>& changes);

  absl::StatusOr<std::map<std::string, FeedState>> LoadStates();
  absl::Status SaveState(const std::string& directory, const FeedState& state);

 private:
  Database& database_;
};

}  // namespace headwater::directory_resolver
