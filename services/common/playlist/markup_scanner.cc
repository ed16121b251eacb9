#include "services/common/playlist/markup_scanner.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "services/common/playlist/line_scanner.h"
#include "services/common/playlist/playlist.h"

namespace headwater {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f";
constexpr std::string_view kCommentBegin = "<!--";
constexpr std::string_view kCommentEnd = "-->";
constexpr std::string_view kCdataBegin = "<![CDATA[";
constexpr std::string_view kCdataEnd = "]]>";

bool IsAlpha(char c) { return LowerAscii(c) >= 'a' && LowerAscii(c) <= 'z'; }

bool IsName(char c) {
  return IsAlpha(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':';
}

std::string_view WithoutPrefix(std::string_view name) {
  const size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

size_t EndOfName(std::string_view text, size_t at) {
  while (at < text.size() && IsName(text[at])) ++at;
  return at;
}

// Just behind `end` at or after `from`; the text's size when there is none.
size_t After(std::string_view text, std::string_view end, size_t from) {
  const size_t found = text.find(end, from);
  return found == std::string_view::npos ? text.size() : found + end.size();
}

// Just behind a comment, CDATA section, declaration or processing instruction.
size_t AfterSpecial(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with(kCommentBegin)) return After(text, kCommentEnd, at + kCommentBegin.size());
  if (rest.starts_with(kCdataBegin)) return After(text, kCdataEnd, at);
  if (rest.starts_with("<?")) return After(text, ">", at);
  const size_t end = text.find_first_of("[>", at);
  if (end == std::string_view::npos) return text.size();
  // A document type with declarations of its own, for which we have no use.
  return text[end] == '[' ? After(text, ">", std::min(text.find(']', end), text.size())) : end + 1;
}

struct Attribute {
  std::string_view name;
  std::string_view value;
};

// The attribute at `at`, which moves behind it; nothing at the end of the tag.
std::optional<Attribute> NextAttribute(std::string_view text, size_t& at) {
  while (at < text.size() && !IsName(text[at])) {
    if (text[at] == '>' || text[at] == '<') return std::nullopt;
    ++at;
  }
  if (at >= text.size()) return std::nullopt;
  const size_t name_end = EndOfName(text, at);
  Attribute attribute = {text.substr(at, name_end - at), {}};
  at = name_end;
  const size_t equals = std::min(text.find_first_not_of(kSpace, at), text.size());
  if (equals == text.size() || text[equals] != '=') return attribute;
  at = std::min(text.find_first_not_of(kSpace, equals + 1), text.size());
  if (at == text.size()) return attribute;
  size_t end = at;
  if (text[at] == '"' || text[at] == '\'') {
    const std::array<char, 2> ends = {text[at], '<'};
    end =
        std::min(text.find_first_of(std::string_view(ends.data(), ends.size()), ++at), text.size());
    if (end < text.size() && text[end] != '<') {
      attribute.value = text.substr(at, end - at);
      at = end + 1;
      return attribute;
    }
    // The quote is never closed.
  }
  end = std::min(text.find_first_of(" \t\r\n\f><\"'", at), text.size());
  attribute.value = text.substr(at, end - at);
  // "<ref href=http://a/>"
  if (end < text.size() && text[end] == '>' && attribute.value.ends_with('/') &&
      !attribute.value.ends_with("//"))
    attribute.value.remove_suffix(1);
  at = end;
  return attribute;
}

void AppendUtf8(uint32_t code, std::string& out) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += code < 0x20 || code == 0x7f ? ' ' : static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

// Decodes "&amp;", "&#38;" or "&#x26;" at the beginning of `text`; the bytes taken, 0 for none.
size_t DecodeReference(std::string_view text, std::string& out) {
  struct Entity {
    std::string_view name;
    char value;
  };
  static constexpr std::array<Entity, 5> kEntities = {
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};
  for (const Entity& entity : kEntities) {
    if (!StartsWithNoCase(text, entity.name)) continue;
    out += entity.value;
    return entity.name.size();
  }
  if (!text.starts_with("&#") || text.size() < 4) return 0;
  const bool hex = text[2] == 'x' || text[2] == 'X';
  const char* begin = text.data() + (hex ? 3 : 2);
  uint32_t code = 0;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), code, hex ? 16 : 10);
  const auto size = static_cast<size_t>(end - text.data());
  const bool scalar = code != 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  if (error != std::errc() || !scalar || size >= text.size() || text[size] != ';') return 0;
  AppendUtf8(code, out);
  return size + 1;
}

// One line, trimmed: line ends and tabs become spaces.
std::string Decode(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(kCommentBegin)) {
      at = AfterSpecial(text, at);
    } else if (rest.starts_with(kCdataBegin)) {
      const size_t end = AfterSpecial(text, at);
      std::string_view data = text.substr(at, end - at).substr(kCdataBegin.size());
      if (data.ends_with(kCdataEnd)) data.remove_suffix(kCdataEnd.size());
      out += data;
      at = end;
    } else {
      const size_t taken = rest.front() == '&' ? DecodeReference(rest, out) : 0;
      if (taken == 0) out += rest.front();
      at += std::max(taken, size_t{1});
    }
  }
  std::replace_if(
      out.begin(), out.end(), [](char c) { return kSpace.find(c) != std::string_view::npos; }, ' ');
  return std::string(TrimAscii(out));
}

}  // namespace

bool MarkupTag::Is(std::string_view lower_name) const { return EqualsNoCase(name, lower_name); }

std::optional<std::string> MarkupTag::Attribute(std::string_view lower_name) const {
  size_t at = 0;
  while (const auto attribute = NextAttribute(attributes, at)) {
    if (!EqualsNoCase(WithoutPrefix(attribute->name), lower_name)) continue;
    if (attribute->value.size() > kPlaylistLineMax) return std::nullopt;
    return Decode(attribute->value);
  }
  return std::nullopt;
}

std::string MarkupTag::Text() const {
  return text.size() > kPlaylistLineMax ? std::string() : Decode(text);
}

MarkupScanner::MarkupScanner(std::string_view document)
    : document_(WithoutByteOrderMark(document)) {}

size_t MarkupScanner::FindTag(size_t from) const {
  while ((from = document_.find('<', from)) < document_.size()) {
    const std::string_view rest = document_.substr(from + 1, 2);
    if (rest.starts_with('!') || rest.starts_with('?')) {
      from = AfterSpecial(document_, from);
      continue;
    }
    const size_t name = rest.starts_with('/') ? 1 : 0;
    if (rest.size() > name && IsAlpha(rest[name])) return from;
    ++from;
  }
  return document_.size();
}

std::optional<MarkupTag> MarkupScanner::Next() {
  const size_t begin = FindTag(at_);
  if (begin == document_.size()) return std::nullopt;
  MarkupTag tag;
  tag.offset = begin;
  tag.closing = document_[begin + 1] == '/';
  const size_t name = begin + (tag.closing ? 2 : 1);
  const size_t name_end = EndOfName(document_, name);
  tag.name = WithoutPrefix(document_.substr(name, name_end - name));
  size_t end = name_end;
  while (NextAttribute(document_, end)) {
  }
  // With its '>', which tells an unquoted last attribute from the '/' of "/>".
  if (end < document_.size() && document_[end] == '>') ++end;
  tag.attributes = document_.substr(name_end, end - name_end);
  at_ = FindTag(end);
  // Programs and style sheets may hold anything.
  for (const std::string_view name_of : {"script", "style"}) {
    if (tag.closing || !tag.Is(name_of)) continue;
    while (at_ < document_.size() &&
           !(document_[at_ + 1] == '/' && StartsWithNoCase(document_.substr(at_ + 2), name_of))) {
      at_ = FindTag(at_ + 1);
    }
  }
  tag.text = document_.substr(end, at_ - end);
  return tag;
}

std::string RootElement(std::string_view document) {
  const std::optional<MarkupTag> tag = MarkupScanner(document).Next();
  std::string name(tag ? tag->name : std::string_view());
  std::transform(name.begin(), name.end(), name.begin(), LowerAscii);
  return name;
}

}  // namespace headwater
