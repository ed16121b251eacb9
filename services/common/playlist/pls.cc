#include "services/common/playlist/pls.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "services/common/playlist/line_scanner.h"

namespace headwater {
namespace {

struct Dialect {
  std::string_view header;
  // Of the keys, before their number.
  std::string_view location;
  std::string_view title;
  bool numbered;
};

constexpr std::array<Dialect, 3> kDialects = {{{"[playlist]", "file", "title", true},
                                               {"[reference]", "ref", "title", true},
                                               {"[internetshortcut]", "url", "title", false}}};

const Dialect* DialectOf(std::string_view text) {
  const std::string_view begin = TrimAscii(WithoutByteOrderMark(text).substr(0, 1024));
  for (const Dialect& dialect : kDialects) {
    if (StartsWithNoCase(begin, dialect.header)) return &dialect;
  }
  return nullptr;
}

// "File12" with prefix "file" is 12.
std::optional<uint32_t> IndexOf(std::string_view key, std::string_view prefix,
                                const Dialect& dialect) {
  if (!StartsWithNoCase(key, prefix)) return std::nullopt;
  if (!dialect.numbered) return key.size() == prefix.size() ? std::optional(0u) : std::nullopt;
  const std::string_view digits = key.substr(prefix.size());
  uint32_t index = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return index;
}

void Skip(size_t line, Playlist& playlist) {
  if (playlist.skipped_lines++ == 0) playlist.first_skipped_line = line;
}

}  // namespace

bool LooksLikePls(std::string_view text) { return DialectOf(text) != nullptr; }

Result<Playlist, PlaylistError> ParsePls(std::string_view text, const PlaylistLimits& limits) {
  if (text.size() > limits.bytes_max) return PlaylistError::kTooLong;
  if (text.find('\0') != std::string_view::npos) return PlaylistError::kBinary;
  const Dialect* dialect = DialectOf(text);
  if (dialect == nullptr) return PlaylistError::kNotPls;
  Playlist playlist;
  std::map<uint32_t, PlaylistEntry> entries;
  LineScanner lines(text);
  while (const std::optional<std::string_view> line = lines.Next()) {
    if (line->empty() || line->front() == ';' || line->front() == '#' || line->front() == '[')
      continue;
    const size_t equals = line->find('=');
    if (equals == std::string_view::npos || line->size() > kPlaylistLineMax) {
      Skip(lines.line(), playlist);
      continue;
    }
    const std::string_view key = TrimAscii(line->substr(0, equals));
    const std::string_view value = TrimAscii(line->substr(equals + 1));
    const std::optional<uint32_t> file = IndexOf(key, dialect->location, *dialect);
    const std::optional<uint32_t> index = file ? file : IndexOf(key, dialect->title, *dialect);
    if (!index) continue;
    if (!entries.contains(*index) && entries.size() >= limits.entries_max) {
      playlist.truncated = true;
      continue;
    }
    PlaylistEntry& entry = entries[*index];
    if (file) {
      entry.location = value;
      entry.line = lines.line();
    } else {
      entry.title = value;
    }
  }
  for (auto& [index, entry] : entries) {
    if (!entry.location.empty()) playlist.entries.push_back(std::move(entry));
  }
  return playlist;
}

}  // namespace headwater
