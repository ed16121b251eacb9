#include "services/directory-resolver/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "services/common/base/status_macros.h"
#include "services/directory-resolver/lineup.h"

namespace headwater::directory_resolver {
namespace {

constexpr int kVersion = 3;

constexpr char kVersion1[] = R"sql(
CREATE TABLE station_number (
  -- Order of assignment.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  number INTEGER NOT NULL UNIQUE,
  directory TEXT NOT NULL,
  identity TEXT NOT NULL,
  assigned INTEGER NOT NULL           -- Unix seconds
);
CREATE TABLE known_format (
  number INTEGER PRIMARY KEY,
  encoding TEXT NOT NULL,
  payload_type INTEGER NOT NULL,
  clock_rate INTEGER NOT NULL,
  channels INTEGER NOT NULL,
  fmtp TEXT NOT NULL,
  bits_per_second INTEGER NOT NULL,
  description TEXT NOT NULL,
  since INTEGER NOT NULL              -- Unix seconds
);
)sql";

constexpr char kVersion2[] = R"sql(
-- Stations of fetched documents (added = 0) and those that people have added (1).
CREATE TABLE entry (
  directory TEXT NOT NULL,
  identity TEXT NOT NULL,
  added INTEGER NOT NULL,
  number INTEGER NOT NULL,            -- given by hand; 0: assigned
  title TEXT NOT NULL,
  urls TEXT NOT NULL,                 -- one a line, as tags
  tags TEXT NOT NULL,
  homepage TEXT NOT NULL,
  logo_url TEXT NOT NULL,
  codec TEXT NOT NULL,
  bits_per_second INTEGER NOT NULL,
  votes INTEGER NOT NULL,
  country TEXT NOT NULL,
  language TEXT NOT NULL,
  PRIMARY KEY (directory, added, identity)
) WITHOUT ROWID;
CREATE TABLE feed (
  directory TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  last_attempt INTEGER NOT NULL,      -- Unix seconds; 0: never, here and below
  last_success INTEGER NOT NULL,
  error TEXT NOT NULL,
  entries INTEGER NOT NULL,
  filtered INTEGER NOT NULL,
  unusable INTEGER NOT NULL,
  over_limit INTEGER NOT NULL
);
CREATE TABLE disabled_station (number INTEGER PRIMARY KEY);
CREATE TABLE station_alias (
  alias INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  favourite INTEGER NOT NULL
);
CREATE TABLE station_health (
  number INTEGER PRIMARY KEY,
  plays INTEGER NOT NULL,
  plays_failed INTEGER NOT NULL,
  checks INTEGER NOT NULL,
  checks_failed INTEGER NOT NULL,
  last_ok INTEGER NOT NULL,
  last_failed INTEGER NOT NULL,
  error TEXT NOT NULL,
  failures_in_row INTEGER NOT NULL
);
)sql";

constexpr char kVersion3[] = R"sql(
-- What each tuner has told of its lineup.
CREATE TABLE dvb_tuner (
  tuner TEXT PRIMARY KEY,
  told INTEGER NOT NULL               -- Unix seconds
);
CREATE TABLE dvb_carrier (
  tuner TEXT NOT NULL,
  id TEXT NOT NULL,
  system TEXT NOT NULL,
  frequency_khz INTEGER NOT NULL,
  position TEXT NOT NULL,
  voltage INTEGER NOT NULL,
  original_network_id INTEGER NOT NULL,
  transport_stream_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (tuner, id)
) WITHOUT ROWID;
CREATE TABLE dvb_service (
  tuner TEXT NOT NULL,
  carrier TEXT NOT NULL,
  id INTEGER NOT NULL,
  type INTEGER NOT NULL,              -- DvbType
  name TEXT NOT NULL,
  provider TEXT NOT NULL,
  scrambled INTEGER NOT NULL,
  channel_number INTEGER NOT NULL,    -- 0: none
  PRIMARY KEY (tuner, carrier, id)
) WITHOUT ROWID;
)sql";

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  if (path != ":memory:") {
    std::error_code ignored;  // opening the file tells the reason
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  }
  ASSIGN_OR_RETURN(sqlite::Handle handle,
                   sqlite::Open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  std::unique_ptr<Database> database(new Database(path, std::move(handle)));
  // With room for what a refresh of a large directory touches: else its pages are written twice.
  RETURN_IF_ERROR(database->Run(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;"));
  RETURN_IF_ERROR(database->Migrate());
  return database;
}

absl::Status Database::Error(const std::string& what) const {
  return sqlite::Error(path_, what, handle());
}

absl::Status Database::Run(const std::string& sql) {
  return sqlite::Run(handle(), sql) ? absl::OkStatus() : Error("cannot be written");
}

absl::Status Database::Transaction(const std::function<absl::Status()>& write) {
  RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  absl::Status status = write();
  if (status.ok()) status = Run("COMMIT");
  if (!status.ok()) sqlite::Run(handle(), "ROLLBACK");
  return status;
}

absl::Status Database::Migrate() {
  int64_t version = 0;
  {
    sqlite::Statement statement(handle(), "PRAGMA user_version");
    if (statement.Step()) version = statement.Integer(0);
    if (statement.failed()) return Error("is no database");
  }
  if (version > kVersion) {
    return absl::FailedPreconditionError(
        fmt::format("{}: version {} was written by a newer directory-resolver; this one knows {}",
                    path_, version, kVersion));
  }
  if (version == kVersion) return absl::OkStatus();
  return Transaction([&]() -> absl::Status {
    if (version < 1) RETURN_IF_ERROR(Run(kVersion1));
    if (version < 2) {
      RETURN_IF_ERROR(NormaliseIdentities());
      RETURN_IF_ERROR(Run(kVersion2));
    }
    RETURN_IF_ERROR(Run(kVersion3));
    return Run(fmt::format("PRAGMA user_version = {}", kVersion));
  });
}

absl::Status Database::NormaliseIdentities() {
  struct Change {
    int64_t id;
    std::string directory;
    std::string identity;
  };
  std::vector<Change> changes;
  {
    sqlite::Statement statement(
        handle(), "SELECT id, directory, identity FROM station_number WHERE identity LIKE 'url:%'");
    while (statement.Step()) {
      const std::string identity = statement.Text(2);
      std::string normalised = "url:" + NormalisedUrl(std::string_view(identity).substr(4));
      if (normalised != identity)
        changes.push_back({statement.Integer(0), statement.Text(1), std::move(normalised)});
    }
    if (statement.failed()) return Error("cannot be read");
  }
  // Where the other way to write the URL has a number too, that number stays the station's.
  sqlite::Statement update(
      handle(),
      "UPDATE station_number SET identity = ?1 WHERE id = ?2 AND NOT EXISTS (SELECT 1 "
      "FROM station_number WHERE directory = ?3 AND identity = ?1)");
  for (const Change& change : changes) {
    update.Bind(change.identity).Bind(change.id).Bind(change.directory).Step();
    update.Reset();
  }
  return update.failed() ? Error("identities cannot be written") : absl::OkStatus();
}

}  // namespace headwater::directory_resolver
