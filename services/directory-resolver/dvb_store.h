#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <map>
#include <string>
#include <vector>

#include "services/directory-resolver/database.h"
#include "services/directory-resolver/dvb_lineup.h"

namespace headwater::directory_resolver {

// What the tuners have told of their lineups, so that a restarted resolver knows its stations
// before any tuner is there. Not thread-safe.
class DvbStore {
 public:
  explicit DvbStore(Database& database) : database_(database) {}

  absl::StatusOr<DvbLineups> Load();
  // When each tuner has told last.
  absl::StatusOr<std::map<std::string, absl::Time>> LoadTimes();
  // Replaces what is stored of the tuner; with no carriers nothing is left of it. To be called in a
  // transaction.
  absl::Status Save(const std::string& tuner, const std::vector<DvbCarrier>& carriers,
                    absl::Time now);

 private:
  Database& database_;
};

}  // namespace headwater::directory_resolver
