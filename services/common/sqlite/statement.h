#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "services/common/base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

// SQLite (https://sqlite.org/cintro.html) as the stores use it. A connection belongs to one thread
// at a time.
namespace headwater::sqlite {

struct Closer {
  void operator()(sqlite3* database) const;
};
using Handle = std::unique_ptr<sqlite3, Closer>;

// `flags` of sqlite3_open_v2; a lock of another process is waited for a second. UNAVAILABLE names
// the file. ":memory:" is for tests.
absl::StatusOr<Handle> Open(const std::string& path, int flags);
// All statements of the text, none of which gives rows.
bool Run(sqlite3* database, const std::string& sql);
// UNAVAILABLE: "<file>: <what>: <SQLite's reason>".
absl::Status Error(const std::string& path, const std::string& what, sqlite3* database);

// A prepared statement; values are bound in order and copied. The first failure stays: whatever is
// called afterwards does nothing, and failed() tells it.
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(int64_t value);
  Statement& Bind(const std::string& text);
  Statement& Bind(Bytes blob);
  Statement& BindNull();
  // True with a row, false at the end; failed() tells the end from an error.
  bool Step();
  // To be bound anew; what has failed remains failed.
  void Reset();
  // Step and Reset of one without rows: whether it was done.
  bool Execute();
  bool failed() const { return failed_; }

  int64_t Integer(int column) const;
  uint32_t Unsigned(int column) const { return static_cast<uint32_t>(Integer(column)); }
  bool IsNull(int column) const;
  std::string Text(int column) const { return std::string(View(column)); }
  // Both valid until the next Step or Reset.
  std::string_view View(int column) const;
  Bytes Blob(int column) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  bool failed_ = false;
};

}  // namespace headwater::sqlite
