#include "services/common/log/logger.h"

#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace headwater {
namespace {

constexpr const char* kLevelNames[] = {"debug", "info", "warning", "error"};
constexpr int kPriorities[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};

// systemd gives the device and inode of the stream that it connected (sd-journal documentation,
// JOURNAL_STREAM).
bool StderrIsJournal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  unsigned long device = 0;
  unsigned long inode = 0;
  struct stat status = {};
  return stream != nullptr && std::sscanf(stream, "%lu:%lu", &device, &inode) == 2 &&
         fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

bool NeedsQuotes(std::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' ||
                  c == 0x7f;
         });
}

void AppendValue(std::string& line, std::string_view value) {
  if (!NeedsQuotes(value)) {
    line += value;
    return;
  }
  line += '"';
  for (char c : value) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  line += '"';
}

std::string UtcNow() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts = {};
  gmtime_r(&now.tv_sec, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%FT%T", &parts);
  return fmt::format("{}.{:03}Z", text, now.tv_nsec / 1'000'000);
}

void WriteStderr(const std::string& service, LogLevel level, std::string_view message,
                 const Logger::Fields& fields) {
  std::string line = fmt::format("time={} service={} ", UtcNow(), service);
  line += FormatLogfmt(level, message, fields);
  line += '\n';
  // One write, so that lines of several threads and processes stay whole.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

void WriteJournal(LogLevel level, std::string_view message, const Logger::Fields& fields) {
  std::vector<std::string> entries;
  entries.push_back(fmt::format("MESSAGE={}", message));
  entries.push_back(fmt::format("PRIORITY={}", kPriorities[static_cast<size_t>(level)]));
  for (const LogField& field : fields) {
    std::string name(field.name);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return static_cast<char>(std::toupper(c)); });
    entries.push_back(name + "=" + field.value);
  }
  std::vector<iovec> vectors;
  for (std::string& entry : entries) vectors.push_back({entry.data(), entry.size()});
  sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size()));
}

}  // namespace

Logger::Logger(std::string service, LogLevel level) : level_(level) {
  if (StderrIsJournal()) {
    sink_ = WriteJournal;
  } else {
    sink_ = [service = std::move(service)](LogLevel at, std::string_view message,
                                           const Fields& fields) {
      WriteStderr(service, at, message, fields);
    };
  }
}

bool ParseLogLevel(std::string_view text, LogLevel& out) {
  for (size_t i = 0; i < std::size(kLevelNames); ++i) {
    if (text != kLevelNames[i]) continue;
    out = static_cast<LogLevel>(i);
    return true;
  }
  return false;
}

std::string FormatLogfmt(LogLevel level, std::string_view message, const Logger::Fields& fields) {
  std::string line = fmt::format("level={} msg=", kLevelNames[static_cast<size_t>(level)]);
  AppendValue(line, message);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    AppendValue(line, field.value);
  }
  return line;
}

}  // namespace headwater
