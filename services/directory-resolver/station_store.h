#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/directory-resolver/directory.h"
#include "services/directory-resolver/number_book.h"

struct sqlite3;

namespace headwater::directory_resolver {

// What must survive a restart, in one SQLite file: whose every number is, and what plays have
// shown. In write-ahead mode without a sync at each commit, so a write takes well under a
// millisecond and the loop's thread may do it; a power cut can lose the newest seconds, never the
// file. Not thread-safe.
class StationStore {
 public:
  // Makes file and folder when absent. UNAVAILABLE names the file; FAILED_PRECONDITION when a newer
  // version has written it. ":memory:" is for tests.
  static absl::StatusOr<std::unique_ptr<StationStore>> Open(const std::string& path);
  ~StationStore();
  StationStore(const StationStore&) = delete;
  StationStore& operator=(const StationStore&) = delete;

  // Oldest first.
  absl::StatusOr<std::vector<NumberRecord>> LoadNumbers();
  // All or nothing.
  absl::Status SaveNumbers(const std::vector<NumberRecord>& records, absl::Time now);

  absl::StatusOr<std::map<uint32_t, StoredFormat>> LoadFormats();
  absl::Status SaveFormat(uint32_t number, const StoredFormat& format);

 private:
  class Statement;
  explicit StationStore(std::string path) : path_(std::move(path)) {}
  absl::Status Run(const std::string& sql);
  absl::Status Migrate();
  absl::Status Error(const std::string& what) const;

  std::string path_;
  sqlite3* db_ = nullptr;
};

}  // namespace headwater::directory_resolver
