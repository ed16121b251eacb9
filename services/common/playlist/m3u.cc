#include "services/common/playlist/m3u.h"

#include <algorithm>
#include <string>
#include <utility>

#include "services/common/playlist/line_scanner.h"

namespace headwater {
namespace {

constexpr std::string_view kInfo = "#extinf:";
constexpr std::string_view kGroup = "#extgrp:";
// Tags that every HLS media or master playlist has one of (RFC 8216 section 4.3).
constexpr std::string_view kHlsTags[] = {"#ext-x-targetduration", "#ext-x-media-sequence",
                                         "#ext-x-stream-inf"};

void SetAttribute(std::string_view key, std::string_view value, PlaylistEntry& entry) {
  if (key == "tvg-id") entry.tvg_id = value;
  if (key == "tvg-name") entry.tvg_name = value;
  if (key == "tvg-logo") entry.tvg_logo = value;
  if (key == "group-title") entry.group_title = value;
}

// "-1 tvg-id="x" group-title="a, b",Title": length, attributes, then a comma and the title, which
// may hold commas itself. Quotes protect commas.
void ParseInfo(std::string_view text, PlaylistEntry& entry) {
  // A new #EXTINF replaces the one before, which had no location.
  entry = {};
  size_t at = 0;
  while (at < text.size() && text[at] != ',') {
    if (text[at] == ' ' || text[at] == '\t') {
      ++at;
      continue;
    }
    const size_t key_end = std::min(text.find_first_of("= \t,", at), text.size());
    const std::string_view key = text.substr(at, key_end - at);
    at = key_end;
    if (at >= text.size() || text[at] != '=') continue;
    ++at;
    const bool quoted = at < text.size() && text[at] == '"';
    if (quoted) ++at;
    const size_t end =
        std::min(quoted ? text.find('"', at) : text.find_first_of(" \t,", at), text.size());
    SetAttribute(key, TrimAscii(text.substr(at, end - at)), entry);
    at = quoted && end < text.size() ? end + 1 : end;
  }
  if (at < text.size()) entry.title = TrimAscii(text.substr(at + 1));
}

bool IsHlsTag(std::string_view line) {
  for (const std::string_view tag : kHlsTags) {
    if (StartsWithNoCase(line, tag)) return true;
  }
  return false;
}

}  // namespace

Result<Playlist, PlaylistError> ParseM3u(std::string_view text, const PlaylistLimits& limits) {
  if (text.size() > limits.bytes_max) return PlaylistError::kTooLong;
  if (text.find('\0') != std::string_view::npos) return PlaylistError::kBinary;
  Playlist playlist;
  PlaylistEntry next;
  LineScanner lines(text);
  while (const std::optional<std::string_view> line = lines.Next()) {
    if (line->empty()) continue;
    // A RealAudio metafile: what follows is for players of another time.
    if (EqualsNoCase(*line, "--stop--")) break;
    if (line->size() > kPlaylistLineMax) {
      if (playlist.skipped_lines++ == 0) playlist.first_skipped_line = lines.line();
      // What was said of the entry was said of this line.
      if (line->front() != '#') next = {};
    } else if (line->front() != '#') {
      // Limits hold for what is kept; the rest of the text still tells whether it is HLS.
      if (playlist.entries.size() < limits.entries_max) {
        next.location = *line;
        next.line = lines.line();
        playlist.entries.push_back(std::move(next));
      } else {
        playlist.truncated = true;
      }
      next = {};
    } else if (StartsWithNoCase(*line, kInfo)) {
      ParseInfo(line->substr(kInfo.size()), next);
    } else if (StartsWithNoCase(*line, kGroup)) {
      next.group_title = TrimAscii(line->substr(kGroup.size()));
    } else if (IsHlsTag(*line)) {
      return PlaylistError::kHls;
    }
  }
  return playlist;
}

}  // namespace headwater
