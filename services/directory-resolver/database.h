#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace headwater::directory_resolver {

// The one SQLite file of the service, at the newest version of its schema. In write-ahead mode
// without a sync at each commit, so a write takes well under a millisecond and the loop's thread
// may do it; a power cut can lose the newest seconds, never the file. Not thread-safe.
class Database {
 public:
  // Makes file and folder when absent, and brings older versions up. UNAVAILABLE names the file;
  // FAILED_PRECONDITION when a newer version has written it. ":memory:" is for tests.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // A prepared statement; values are bound in order.
  class Statement {
   public:
    Statement(Database& database, const char* sql);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    Statement& Bind(int64_t value);
    // Text without NUL; copied.
    Statement& Bind(const std::string& text);
    // True with a row, false at the end; failed() tells the end from an error.
    bool Step();
    // To be bound anew; what has failed remains failed.
    void Reset();
    bool failed() const { return failed_; }

    int64_t Integer(int column) const;
    uint32_t Unsigned(int column) const { return static_cast<uint32_t>(Integer(column)); }
    std::string Text(int column) const { return std::string(View(column)); }
    // Valid until the next Step or Reset.
    std::string_view View(int column) const;

   private:
    sqlite3_stmt* statement_ = nullptr;
    int bound_ = 0;
    bool failed_ = false;
  };

  absl::Status Run(const std::string& sql);
  // Everything that `write` does, or nothing when it returns an error.
  absl::Status Transaction(const std::function<absl::Status()>& write);
  // UNAVAILABLE: "<file>: <what>: <SQLite's reason>".
  absl::Status Error(const std::string& what) const;

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}
  absl::Status Migrate();
  // Identities by URL become identities by normalised URL.
  absl::Status NormaliseIdentities();

  std::string path_;
  sqlite3* db_ = nullptr;
};

}  // namespace headwater::directory_resolver
