#include "services/common/mpegts/si_text.h"

#include <iconv.h>

#include <array>
#include <cerrno>

#include "services/common/text/clean_text.h"

namespace headwater::mpegts {
namespace {

struct Charset {
  const char* name = nullptr;  // as iconv knows it; null: none
  size_t selector = 0;         // bytes that say so
};

// ISO 8859-n; 12 was never made.
const char* Latin(unsigned n) {
  constexpr std::array<const char*, 16> kNames = {
      nullptr,      "ISO-8859-1",  "ISO-8859-2",  "ISO-8859-3", "ISO-8859-4",  "ISO-8859-5",
      "ISO-8859-6", "ISO-8859-7",  "ISO-8859-8",  "ISO-8859-9", "ISO-8859-10", "ISO-8859-11",
      nullptr,      "ISO-8859-13", "ISO-8859-14", "ISO-8859-15"};
  return n < kNames.size() ? kNames[n] : nullptr;
}

// Tables A.3 and A.4.
Charset CharsetOf(Bytes text) {
  const uint8_t first = text[0];
  if (first >= 0x20) return {"ISO_6937", 0};
  if (first <= 0x0b) return {Latin(first + 4u), 1};
  switch (first) {
    case 0x10:
      if (text.size() < 3 || text[1] != 0) return {};
      return {Latin(text[2]), 3};
    case 0x11:
      return {"UTF-16BE", 1};
    case 0x12:
      return {"EUC-KR", 1};
    case 0x13:
      return {"GB2312", 1};
    case 0x14:
      return {"UTF-16BE", 1};  // Big5 subset of ISO 10646
    case 0x15:
      return {"UTF-8", 1};
    default:
      return {};
  }
}

// Emphasis on and off say nothing here, a line's end is a space (table A.1). Two-byte tables have
// the same codes at U+E080 to U+E09F, which CleanText does not know.
std::string WithoutControls(Bytes text, bool wide) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t byte = text[i];
    if (wide) {
      if (i + 1 == text.size()) break;
      const uint8_t low = text[++i];
      const bool control = byte == 0xe0 && low >= 0x80 && low <= 0x9f;
      out += control ? std::string(1, '\0') + ' '
                     : std::string{static_cast<char>(byte), static_cast<char>(low)};
    } else if (byte == 0x8a) {
      out += ' ';
    } else if (byte < 0x80 || byte > 0x9f) {
      out += static_cast<char>(byte);
    }
  }
  return out;
}

std::string ToUtf8(std::string text, const char* charset) {
  const iconv_t converter = iconv_open("UTF-8", charset);
  if (converter == reinterpret_cast<iconv_t>(-1)) return {};
  std::string out;
  char* from = text.data();
  size_t left = text.size();
  std::array<char, 512> buffer;
  while (left > 0) {
    char* to = buffer.data();
    size_t room = buffer.size();
    const size_t done = iconv(converter, &from, &left, &to, &room);
    const int error = errno;
    out.append(buffer.data(), buffer.size() - room);
    if (done != static_cast<size_t>(-1) || error == E2BIG) continue;
    if (error != EILSEQ) break;  // cut off in a character
    ++from;
    --left;
  }
  // What waits for an accent's letter (ISO 6937).
  char* to = buffer.data();
  size_t room = buffer.size();
  iconv(converter, nullptr, nullptr, &to, &room);
  out.append(buffer.data(), buffer.size() - room);
  iconv_close(converter);
  return out;
}

}  // namespace

std::string SiText(Bytes text, size_t bytes_max) {
  if (text.empty()) return {};
  const Charset charset = CharsetOf(text);
  if (charset.name == nullptr) return {};
  const std::string_view name = charset.name;
  const Bytes body = text.subspan(charset.selector);
  if (name == "UTF-8") {
    const std::string_view utf8 = AsText(body);
    return IsUtf8(utf8) ? CleanText(utf8, bytes_max) : std::string();
  }
  const bool wide = name == "UTF-16BE";
  const bool multibyte = name == "EUC-KR" || name == "GB2312";
  std::string plain = multibyte ? std::string(AsText(body)) : WithoutControls(body, wide);
  return CleanText(ToUtf8(std::move(plain), charset.name), bytes_max);
}

std::string LanguageCode(Bytes code) {
  std::string text;
  if (code.size() != 3) return text;
  for (const uint8_t byte : code) {
    const auto lower = static_cast<char>(byte | 0x20);
    if (lower < 'a' || lower > 'z') return {};
    text += lower;
  }
  return text;
}

}  // namespace headwater::mpegts
