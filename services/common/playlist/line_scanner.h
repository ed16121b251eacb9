#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace headwater {

// Removes ASCII white space at both ends.
constexpr std::string_view TrimAscii(std::string_view text) {
  constexpr std::string_view kSpace = " \t\v\f\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

constexpr char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Whether `text` begins with `prefix`, which is in lower case, in any case.
constexpr bool StartsWithNoCase(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (size_t i = 0; i < prefix.size(); ++i) {
    if (LowerAscii(text[i]) != prefix[i]) return false;
  }
  return true;
}

constexpr bool EqualsNoCase(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && StartsWithNoCase(text, lower);
}

constexpr std::string_view WithoutByteOrderMark(std::string_view text) {
  return text.substr(0, 3) == "\xef\xbb\xbf" ? text.substr(3) : text;
}

// Gives a text line by line, trimmed; a line ends with LF, CRLF or CR. Views into the text.
class LineScanner {
 public:
  explicit LineScanner(std::string_view text) : rest_(WithoutByteOrderMark(text)) {}

  std::optional<std::string_view> Next() {
    if (rest_.empty()) return std::nullopt;
    ++line_;
    const size_t end = rest_.find_first_of("\r\n");
    const std::string_view line = rest_.substr(0, end);
    const bool crlf = end != std::string_view::npos && rest_.substr(end, 2) == "\r\n";
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + (crlf ? 2 : 1));
    return TrimAscii(line);
  }

  // Of the line given last, from 1.
  size_t line() const { return line_; }

 private:
  std::string_view rest_;
  size_t line_ = 0;
};

}  // namespace headwater
