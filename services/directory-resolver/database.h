#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "services/common/sqlite/statement.h"

namespace headwater::directory_resolver {

// The one SQLite file of the service, at the newest version of its schema. In write-ahead mode
// without a sync at each commit, so a write takes well under a millisecond and the loop's thread
// may do it; a power cut can lose the newest seconds, never the file. Not thread-safe.
class Database {
 public:
  // Makes file and folder when absent, and brings older versions up. UNAVAILABLE names the file;
  // FAILED_PRECONDITION when a newer version has written it. ":memory:" is for tests.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);
  // For a statement on it.
  sqlite3* handle() const { return handle_.get(); }
  absl::Status Run(const std::string& sql);
  // Everything that `write` does, or nothing when it returns an error.
  absl::Status Transaction(const std::function<absl::Status()>& write);
  // UNAVAILABLE: "<file>: <what>: <SQLite's reason>".
  absl::Status Error(const std::string& what) const;

 private:
  Database(std::string path, sqlite::Handle handle)
      : path_(std::move(path)), handle_(std::move(handle)) {}
  absl::Status Migrate();
  // Identities by URL become identities by normalised URL.
  absl::Status NormaliseIdentities();

  std::string path_;
  sqlite::Handle handle_;
};

}  // namespace headwater::directory_resolver
