#include "services/common/sqlite/statement.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "services/common/base/absl_text.h"

namespace headwater::sqlite {

void Closer::operator()(sqlite3* database) const { sqlite3_close(database); }

absl::StatusOr<Handle> Open(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Handle handle(raw);  // SQLite gives one also when it fails, to ask for the reason
  if (result != SQLITE_OK) return Error(path, "cannot be opened", raw);
  sqlite3_busy_timeout(raw, 1000);
  return handle;
}

bool Run(sqlite3* database, const std::string& sql) {
  return sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

absl::Status Error(const std::string& path, const std::string& what, sqlite3* database) {
  return absl::UnavailableError(
      ToAbsl(fmt::format("{}: {}: {}", path, what, sqlite3_errmsg(database))));
}

Statement::Statement(sqlite3* database, const std::string& sql) {
  failed_ = sqlite3_prepare_v2(database, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::Bind(int64_t value) {
  failed_ |= sqlite3_bind_int64(statement_, ++bound_, value) != SQLITE_OK;
  return *this;
}

Statement& Statement::Bind(const std::string& text) {
  failed_ |= sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                               SQLITE_TRANSIENT) != SQLITE_OK;
  return *this;
}

Statement& Statement::Bind(Bytes blob) {
  failed_ |= sqlite3_bind_blob(statement_, ++bound_, blob.data(), static_cast<int>(blob.size()),
                               SQLITE_TRANSIENT) != SQLITE_OK;
  return *this;
}

Statement& Statement::BindNull() {
  failed_ |= sqlite3_bind_null(statement_, ++bound_) != SQLITE_OK;
  return *this;
}

bool Statement::Step() {
  if (failed_) return false;
  const int result = sqlite3_step(statement_);
  failed_ = result != SQLITE_ROW && result != SQLITE_DONE;
  return result == SQLITE_ROW;
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  bound_ = 0;
}

bool Statement::Execute() {
  Step();
  Reset();
  return !failed_;
}

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string_view Statement::View(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

Bytes Statement::Blob(int column) const {
  const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

}  // namespace headwater::sqlite
