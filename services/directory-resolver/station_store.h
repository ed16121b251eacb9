#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "services/directory-resolver/database.h"
#include "services/directory-resolver/directory.h"
#include "services/directory-resolver/number_book.h"
#include "services/directory-resolver/station_marks.h"

namespace headwater::directory_resolver {

// What must survive a restart of each number: whose it is, what people have marked, what plays have
// shown. Not thread-safe.
class StationStore {
 public:
  explicit StationStore(Database& database) : database_(database) {}

  // Oldest first.
  absl::StatusOr<std::vector<NumberRecord>> LoadNumbers();
  // To be called in a transaction: all or nothing.
  absl::Status SaveNumbers(const std::vector<NumberRecord>& records, absl::Time now);

  absl::StatusOr<std::map<uint32_t, StoredFormat>> LoadFormats();
  absl::Status SaveFormat(uint32_t number, const StoredFormat& format);

  absl::StatusOr<StationMarks> LoadMarks();
  absl::Status SaveDisabled(uint32_t number, bool disabled);
  // Nothing: the alias leads nowhere any more.
  absl::Status SaveAlias(uint32_t alias, const std::optional<StationMarks::Alias>& of);
  absl::Status SaveHealth(uint32_t number, const StationHealth& health);

 private:
  Database& database_;
};

// Unix seconds, 0 for "never".
int64_t ToStoredTime(absl::Time time);
absl::Time FromStoredTime(int64_t seconds);

}  // namespace headwater::directory_resolver
