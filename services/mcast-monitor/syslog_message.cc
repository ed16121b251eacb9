#include "services/mcast-monitor/syslog_message.h"

#include <algorithm>
#include <array>

namespace headwater::monitor {
namespace {

constexpr unsigned kPriorityMax = 191;
constexpr size_t kTagMax = 48;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A view that is eaten from the front; each Take takes all or nothing.
struct Cursor {
  std::string_view rest;

  void SkipSpaces() {
    while (!rest.empty() && IsSpace(rest.front())) rest.remove_prefix(1);
  }
  bool Take(char c) {
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  // Up to the next space.
  std::string_view Word() {
    const size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end);
    return word;
  }
  // `pattern`: '0' a digit, '_' a digit or a space, anything else itself.
  bool Match(std::string_view pattern) {
    if (rest.size() < pattern.size()) return false;
    for (size_t i = 0; i < pattern.size(); ++i) {
      const char c = rest[i];
      const bool fits = pattern[i] == '0'   ? IsDigit(c)
                        : pattern[i] == '_' ? IsDigit(c) || c == ' '
                                            : c == pattern[i];
      if (!fits) return false;
    }
    rest.remove_prefix(pattern.size());
    return true;
  }
  void SkipFraction() {
    if (rest.size() < 2 || (rest[0] != '.' && rest[0] != ',') || !IsDigit(rest[1])) return;
    rest.remove_prefix(1);
    while (!rest.empty() && IsDigit(rest.front())) rest.remove_prefix(1);
  }
};

void TakePriority(Cursor& cursor, SyslogMessage& message) {
  Cursor ahead = cursor;
  if (!ahead.Take('<')) return;
  unsigned value = 0;
  size_t digits = 0;
  for (; digits < 3 && !ahead.rest.empty() && IsDigit(ahead.rest.front()); ++digits) {
    value = value * 10 + static_cast<unsigned>(ahead.rest.front() - '0');
    ahead.rest.remove_prefix(1);
  }
  if (digits == 0 || value > kPriorityMax || !ahead.Take('>')) return;
  message.facility = static_cast<uint8_t>(value / 8);
  message.severity = static_cast<uint8_t>(value % 8);
  cursor = ahead;
}

// RFC 3339 or the same with a space between date and time.
bool TakeIsoTime(Cursor& cursor) {
  Cursor ahead = cursor;
  if (!ahead.Match("0000-00-00T00:00:00")) {
    if (!ahead.Match("0000-00-00 00:00:00")) return false;
  }
  ahead.SkipFraction();
  // The zone, where one is told.
  if (!ahead.Take('Z') && !ahead.Match("+00:00") && !ahead.Match("-00:00") &&
      !ahead.Match("+0000")) {
    ahead.Match("-0000");
  }
  cursor = ahead;
  return true;
}

bool TakeMonth(Cursor& cursor) {
  static constexpr std::array<std::string_view, 12> kMonths = {
      "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
  if (cursor.rest.size() < 4 || cursor.rest[3] != ' ') return false;
  const std::array<char, 3> name = {Lower(cursor.rest[0]), Lower(cursor.rest[1]),
                                    Lower(cursor.rest[2])};
  const std::string_view text(name.data(), name.size());
  if (std::find(kMonths.begin(), kMonths.end(), text) == kMonths.end()) return false;
  cursor.rest.remove_prefix(4);
  return true;
}

// "Mar 24 05:34:05" in any case, also "Mar  4", "Mar 4", with a year before or behind the time,
// with a fraction, or with the marks of a clock that is not set ("*Mar 1 00:00:12").
bool TakeBsdTime(Cursor& cursor) {
  Cursor ahead = cursor;
  if (!ahead.Take('*')) ahead.Take('.');
  if (!TakeMonth(ahead)) return false;
  if (!ahead.Match("_0 ") && !ahead.Match("0 ")) return false;
  ahead.Match("0000 ");
  if (!ahead.Match("00:00:00")) return false;
  ahead.SkipFraction();
  Cursor year = ahead;
  if (year.Match(" 0000") && (year.rest.empty() || !IsDigit(year.rest.front()))) {
    // "05:34:05 2026 host": a host's name is no year.
    if (!year.rest.empty() && IsSpace(year.rest.front())) ahead = year;
  }
  cursor = ahead;
  return true;
}

bool IsTagChar(char c) {
  return IsDigit(c) || (Lower(c) >= 'a' && Lower(c) <= 'z') ||
         std::string_view("-_./%").find(c) != std::string_view::npos;
}

// "sshd[123]: ", "kernel: ", "%LINK-3-UPDOWN: ".
bool TakeTag(Cursor& cursor, SyslogMessage& message) {
  Cursor ahead = cursor;
  size_t length = 0;
  while (length < ahead.rest.size() && length <= kTagMax && IsTagChar(ahead.rest[length])) ++length;
  if (length == 0 || length > kTagMax) return false;
  const std::string_view tag = ahead.rest.substr(0, length);
  ahead.rest.remove_prefix(length);
  if (ahead.Take('[')) {
    const size_t end = ahead.rest.find(']');
    if (end == std::string_view::npos || end > kTagMax) return false;
    ahead.rest.remove_prefix(end + 1);
    ahead.Take(':');
  } else if (!ahead.Take(':')) {
    return false;
  }
  if (!ahead.rest.empty() && !IsSpace(ahead.rest.front())) return false;
  message.app = tag;
  cursor = ahead;
  return true;
}

std::string_view Nil(std::string_view word) { return word == "-" ? std::string_view() : word; }

// RFC 5424 section 6 behind the priority.
bool TakeRfc5424(Cursor& cursor, SyslogMessage& message) {
  Cursor ahead = cursor;
  if (!ahead.Match("1 ")) return false;
  if (!TakeIsoTime(ahead) && !ahead.Take('-')) return false;
  if (!ahead.Take(' ')) return false;
  const std::string_view host = ahead.Word();
  if (!ahead.Take(' ')) return false;
  const std::string_view app = ahead.Word();
  // PROCID and MSGID.
  for (int i = 0; i < 2; ++i) {
    if (!ahead.Take(' ')) return false;
    ahead.Word();
  }
  if (!ahead.Take(' ')) return false;
  message.host = Nil(host);
  message.app = Nil(app);
  if (ahead.Take('-')) ahead.SkipSpaces();
  cursor = ahead;
  return true;
}

}  // namespace

SyslogMessage SyslogMessage::Parse(Bytes datagram) {
  SyslogMessage message;
  Cursor cursor{AsText(datagram)};
  while (!cursor.rest.empty() &&
         std::string_view("\r\n\0 ", 4).find(cursor.rest.back()) != std::string_view::npos) {
    cursor.rest.remove_suffix(1);
  }
  if (cursor.rest.starts_with(kByteOrderMark)) cursor.rest.remove_prefix(kByteOrderMark.size());
  cursor.SkipSpaces();
  TakePriority(cursor, message);
  if (!TakeRfc5424(cursor, message)) {
    // Netgear's switches have a space behind the priority.
    cursor.SkipSpaces();
    if (TakeBsdTime(cursor) || TakeIsoTime(cursor)) {
      // Cisco has a ':' behind the time and no host then.
      const bool host_follows = !cursor.Take(':');
      cursor.SkipSpaces();
      if (host_follows && !TakeTag(cursor, message)) {
        message.host = cursor.Word();
        cursor.SkipSpaces();
      }
    }
    if (message.app.empty()) TakeTag(cursor, message);
  }
  cursor.SkipSpaces();
  if (cursor.rest.starts_with(kByteOrderMark)) cursor.rest.remove_prefix(kByteOrderMark.size());
  message.text = cursor.rest;
  return message;
}

}  // namespace headwater::monitor
