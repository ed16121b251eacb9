#pragma once

#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace headwater {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// A name in snake_case and a value; values may hold anything (they are quoted and cleaned).
struct LogField {
  template <typename T>
  LogField(std::string_view field_name, const T& field_value)
      : name(field_name), value(fmt::format("{}", field_value)) {}

  std::string_view name;
  std::string value;
};

// Structured log: one line (or journal entry) for each state change or event that an operator wants
// to see; facts about packets are counters instead. Thread-safe. Text from outside is safe to pass:
// control characters are escaped.
class Logger {
 public:
  using Sink = std::function<void(LogLevel, std::string_view message,
                                  const std::initializer_list<LogField>&)>;

  // To journald when standard error is its stream, else as logfmt lines on standard error.
  Logger(std::string service, LogLevel level);
  // To a sink of the caller's: tests.
  Logger(LogLevel level, Sink sink) : level_(level), sink_(std::move(sink)) {}

  void set_level(LogLevel level) { level_ = level; }
  bool enabled(LogLevel level) const { return level >= level_; }

  using Fields = std::initializer_list<LogField>;
  void Debug(std::string_view message, const Fields& fields = {}) {
    Write(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, const Fields& fields = {}) {
    Write(LogLevel::kInfo, message, fields);
  }
  void Warning(std::string_view message, const Fields& fields = {}) {
    Write(LogLevel::kWarning, message, fields);
  }
  void Error(std::string_view message, const Fields& fields = {}) {
    Write(LogLevel::kError, message, fields);
  }

 private:
  void Write(LogLevel level, std::string_view message, const Fields& fields) {
    if (enabled(level)) sink_(level, message, fields);
  }

  std::atomic<LogLevel> level_;
  Sink sink_;
};

// "debug", "info", "warning", "error"; false for anything else.
bool ParseLogLevel(std::string_view text, LogLevel& out);

// One logfmt line without the newline: `level=info msg="session live" group=ff3e::1`.
std::string FormatLogfmt(LogLevel level, std::string_view message, const Logger::Fields& fields);

}  // namespace headwater
