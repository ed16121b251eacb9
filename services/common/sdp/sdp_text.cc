#include <algorithm>
#include <array>

#include "services/common/sdp/sdp.h"

namespace headwater {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026

struct CodePoint {
  uint32_t value;
  size_t bytes;  // 0: not UTF-8
};

// One character of well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most
// U+10FFFF).
CodePoint Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {0, 0};
  uint32_t value = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[length] || value > 0x10FFFF || surrogate) return {0, 0};
  return {value, length};
}

bool IsSeparator(uint32_t value) {
  return value <= 0x20 || (value >= 0x7F && value <= 0xA0) || value == 0x2028 || value == 0x2029;
}

// Marks that a reader cannot see, but that change what is read: byte order mark, direction
// overrides and isolates, zero-width spaces.
bool IsInvisible(uint32_t value) {
  return value == 0xFEFF ||
         (value >= 0x200B && value <= 0x200F && value != 0x200C && value != 0x200D) ||
         (value >= 0x202A && value <= 0x202E) || (value >= 0x2060 && value <= 0x2069);
}

// Longest prefix of whole characters in at most `max_bytes` bytes of well-formed UTF-8.
std::string_view CutAtCharacter(std::string_view text, size_t max_bytes) {
  size_t end = std::min(max_bytes, text.size());
  while (end > 0 && end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

bool IsUrlCharacter(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("-._~:/?#[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
}

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The rest of `url` after "http://" or "https://" in any case; empty for anything else.
std::string_view AfterScheme(std::string_view url) {
  std::string lower(url.substr(0, 8));
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.starts_with("http://")) return url.substr(7);
  if (lower == "https://") return url.substr(8);
  return {};
}

}  // namespace

std::string CleanSdpText(std::string_view text, size_t max_bytes) {
  std::string clean;
  bool space = false;
  // Twice the limit is enough input to know that the text is too long: the work is bounded whatever
  // comes.
  while (!text.empty() && clean.size() <= 2 * max_bytes) {
    const CodePoint point = Decode(text);
    const std::string_view bytes = point.bytes == 0 ? kReplacement : text.substr(0, point.bytes);
    text.remove_prefix(point.bytes == 0 ? 1 : point.bytes);
    if (point.bytes != 0 && IsInvisible(point.value)) continue;
    if (point.bytes != 0 && IsSeparator(point.value)) {
      space = true;
      continue;
    }
    if (space && !clean.empty()) clean += ' ';
    space = false;
    clean += bytes;
  }
  if (clean.size() <= max_bytes) return clean;
  if (max_bytes < kEllipsis.size()) return std::string(CutAtCharacter(clean, max_bytes));
  std::string cut(CutAtCharacter(clean, max_bytes - kEllipsis.size()));
  while (cut.ends_with(' ')) cut.pop_back();
  return cut.append(kEllipsis);
}

bool IsSdpUrl(std::string_view url) {
  if (url.size() > kSdpUrlMax) return false;
  const std::string_view rest = AfterScheme(url);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty() || authority.front() == ':' || authority.back() == '@') return false;
  for (size_t i = 0; i < url.size(); ++i) {
    if (!IsUrlCharacter(url[i])) return false;
    const bool escape = url[i] == '%';
    if (escape && (i + 2 >= url.size() || !IsHexDigit(url[i + 1]) || !IsHexDigit(url[i + 2]))) {
      return false;
    }
  }
  return true;
}

uint32_t SdpBandwidthKbps(uint32_t media_bits_per_second) {
  if (media_bits_per_second == 0) return 0;
  // IPv6, UDP, RTP and payload header are about 64 bytes a frame: 20 kbit/s at 40 frames a second,
  // and 5 % beyond for higher rates.
  const uint64_t bits =
      uint64_t{media_bits_per_second} + std::max<uint64_t>(20'000, media_bits_per_second / 20);
  return static_cast<uint32_t>((bits + 999) / 1000);
}

}  // namespace headwater
