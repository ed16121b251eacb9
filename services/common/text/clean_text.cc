#include "services/common/text/clean_text.h"

#include <array>
#include <cstdint>

namespace headwater {
namespace {

struct Character {
  uint32_t code = 0;
  size_t size = 0;         // 0: not UTF-8
  bool cut_short = false;  // would be UTF-8 if the text went on
};

Character Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xc2 || first > 0xf4) return {};
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  uint32_t code = first & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if (i == text.size()) return {0, 0, true};
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kSmallest[size] || code > 0x10ffff || surrogate) return {};
  return {code, size};
}

void Encode(uint32_t code, std::string& out) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(static_cast<uint8_t>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

// What windows-1252 has at 0x80..0x9f, where ISO 8859-1 has control characters; 0 where neither has
// anything to show.
constexpr std::array<uint16_t, 32> kWindows1252 = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

uint32_t FromWindows1252(uint8_t byte) {
  return byte >= 0x80 && byte <= 0x9f ? kWindows1252[byte - 0x80] : byte;
}

bool IsSpace(uint32_t code) {
  return code <= 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0x2028 || code == 0x2029;
}

bool IsInvisible(uint32_t code) {
  return code == 0xfeff || (code & 0xfffe) == 0xfffe || code == 0x200b || code == 0x200e ||
         code == 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f);
}

// A last character that is cut off is forgiven where another one shows that this is UTF-8: metadata
// blocks are often filled to the brim.
bool IsUtf8ButForItsEnd(std::string_view text) {
  bool seen = false;
  while (!text.empty()) {
    const Character character = Decode(text);
    if (character.size == 0) return seen && character.cut_short;
    seen = seen || character.size > 1;
    text.remove_prefix(character.size);
  }
  return true;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Character character = Decode(text);
    if (character.size == 0) return false;
    text.remove_prefix(character.size);
  }
  return true;
}

std::string CleanText(std::string_view raw, size_t bytes_max) {
  const bool utf8 = IsUtf8ButForItsEnd(raw);
  std::string clean;
  bool space = false;
  while (!raw.empty()) {
    Character next = {FromWindows1252(static_cast<uint8_t>(raw[0])), 1};
    if (utf8) next = Decode(raw);
    if (next.size == 0) break;
    raw.remove_prefix(next.size);
    if (IsInvisible(next.code)) continue;
    if (IsSpace(next.code)) {
      space = true;
      continue;
    }
    const size_t before = clean.size();
    if (space && !clean.empty()) clean += ' ';
    space = false;
    Encode(next.code, clean);
    if (clean.size() > bytes_max) {
      clean.resize(before);
      break;
    }
  }
  return clean;
}

}  // namespace headwater
