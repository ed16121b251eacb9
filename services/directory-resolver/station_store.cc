#include "services/directory-resolver/station_store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <utility>

#include "services/common/base/status_macros.h"

namespace headwater::directory_resolver {
namespace {

constexpr int kVersion = 1;
constexpr char kSchema[] = R"sql(
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
PRAGMA user_version = 1;
)sql";

}  // namespace

// A prepared statement; values are bound in order.
class StationStore::Statement {
 public:
  Statement(sqlite3* db, const char* sql) {
    failed_ = sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK;
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(int64_t value) {
    failed_ |= sqlite3_bind_int64(statement_, ++bound_, value) != SQLITE_OK;
    return *this;
  }
  Statement& Bind(const std::string& text) {
    failed_ |= sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                                 SQLITE_TRANSIENT) != SQLITE_OK;
    return *this;
  }
  // True with a row, false at the end; failed() tells the end from an error.
  bool Step() {
    if (failed_) return false;
    const int result = sqlite3_step(statement_);
    failed_ = result != SQLITE_ROW && result != SQLITE_DONE;
    return result == SQLITE_ROW;
  }
  void Reset() {
    sqlite3_reset(statement_);
    bound_ = 0;
  }
  bool failed() const { return failed_; }

  int64_t Integer(int column) const { return sqlite3_column_int64(statement_, column); }
  uint32_t Unsigned(int column) const { return static_cast<uint32_t>(Integer(column)); }
  std::string Text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text == nullptr
               ? std::string()
               : std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  bool failed_ = false;
};

absl::StatusOr<std::unique_ptr<StationStore>> StationStore::Open(const std::string& path) {
  std::unique_ptr<StationStore> store(new StationStore(path));
  if (path != ":memory:") {
    std::error_code ignored;  // opening the file tells the reason
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  }
  if (sqlite3_open_v2(path.c_str(), &store->db_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK) {
    return store->Error("cannot be opened");
  }
  sqlite3_busy_timeout(store->db_, 1000);
  RETURN_IF_ERROR(store->Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"));
  RETURN_IF_ERROR(store->Migrate());
  return store;
}

StationStore::~StationStore() { sqlite3_close(db_); }

absl::Status StationStore::Error(const std::string& what) const {
  return absl::UnavailableError(fmt::format("{}: {}: {}", path_, what, sqlite3_errmsg(db_)));
}

absl::Status StationStore::Run(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return Error("cannot be written");
  return absl::OkStatus();
}

absl::Status StationStore::Migrate() {
  int64_t version = 0;
  {
    Statement statement(db_, "PRAGMA user_version");
    if (statement.Step()) version = statement.Integer(0);
    if (statement.failed()) return Error("is no database");
  }
  if (version > kVersion) {
    return absl::FailedPreconditionError(
        fmt::format("{}: version {} was written by a newer directory-resolver; this one knows {}",
                    path_, version, kVersion));
  }
  if (version == kVersion) return absl::OkStatus();
  return Run(std::string("BEGIN IMMEDIATE;") + kSchema + "COMMIT;");
}

absl::StatusOr<std::vector<NumberRecord>> StationStore::LoadNumbers() {
  Statement statement(db_, "SELECT number, directory, identity FROM station_number ORDER BY id");
  std::vector<NumberRecord> records;
  while (statement.Step())
    records.push_back({statement.Unsigned(0), statement.Text(1), statement.Text(2)});
  if (statement.failed()) return Error("cannot be read");
  return records;
}

absl::Status StationStore::SaveNumbers(const std::vector<NumberRecord>& records, absl::Time now) {
  if (records.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  bool failed = false;
  {
    Statement statement(
        db_,
        "INSERT INTO station_number (number, directory, identity, assigned) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (number) DO UPDATE SET directory = excluded.directory, identity = "
        "excluded.identity");
    for (const NumberRecord& record : records) {
      statement.Bind(record.number)
          .Bind(record.directory)
          .Bind(record.identity)
          .Bind(absl::ToUnixSeconds(now))
          .Step();
      statement.Reset();
      failed = failed || statement.failed();
    }
  }
  if (!failed && sqlite3_exec(db_, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK)
    return absl::OkStatus();
  const absl::Status error = Error("numbers cannot be saved");
  sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  return error;
}

absl::StatusOr<std::map<uint32_t, StoredFormat>> StationStore::LoadFormats() {
  Statement statement(db_,
                      "SELECT number, encoding, payload_type, clock_rate, channels, fmtp, "
                      "bits_per_second, description, since FROM known_format");
  std::map<uint32_t, StoredFormat> formats;
  while (statement.Step()) {
    StoredFormat& stored = formats[statement.Unsigned(0)];
    SdpFormat& format = stored.known.format;
    format.encoding = statement.Text(1);
    format.payload_type = static_cast<uint8_t>(statement.Unsigned(2));
    format.clock_rate = statement.Unsigned(3);
    format.channels = statement.Unsigned(4);
    format.fmtp = statement.Text(5);
    stored.known.bits_per_second = statement.Unsigned(6);
    stored.known.description = statement.Text(7);
    stored.since = absl::FromUnixSeconds(statement.Integer(8));
  }
  if (statement.failed()) return Error("cannot be read");
  return formats;
}

absl::Status StationStore::SaveFormat(uint32_t number, const StoredFormat& stored) {
  const SdpFormat& format = stored.known.format;
  Statement statement(db_,
                      "INSERT OR REPLACE INTO known_format (number, encoding, payload_type, "
                      "clock_rate, channels, fmtp, "
                      "bits_per_second, description, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  statement.Bind(number)
      .Bind(format.encoding)
      .Bind(format.payload_type)
      .Bind(format.clock_rate)
      .Bind(format.channels);
  statement.Bind(format.fmtp).Bind(stored.known.bits_per_second).Bind(stored.known.description);
  statement.Bind(absl::ToUnixSeconds(stored.since)).Step();
  return statement.failed() ? Error("a format cannot be saved") : absl::OkStatus();
}

}  // namespace headwater::directory_resolver
