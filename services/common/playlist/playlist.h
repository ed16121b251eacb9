#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace headwater {

// Longer lines are skipped, as no player writes them.
inline constexpr size_t kPlaylistLineMax = 8192;

// What a reader is ready to hold.
struct PlaylistLimits {
  // A longer text is refused whole.
  size_t bytes_max = 1 << 20;
  // What follows is left out, and Playlist::truncated says so.
  size_t entries_max = 1000;
};

// One thing to play. All text is as it came, in whatever charset, without line ends and without
// white space at its ends: whoever shows it cleans it.
struct PlaylistEntry {
  // A URL, or a path relative to the playlist's own.
  std::string location;
  std::string title;
  // Attributes of IPTV playlists; empty when absent.
  std::string tvg_id;
  std::string tvg_name;
  std::string tvg_logo;
  std::string group_title;
  // Line of the location in the file, from 1.
  size_t line = 0;

  bool operator==(const PlaylistEntry&) const = default;
};

// A playlist's entries in the order in which they are to be played.
struct Playlist {
  std::vector<PlaylistEntry> entries;
  // What relative locations are relative to, itself relative to the playlist's own URL; empty for
  // that URL.
  std::string base;
  // Lines that were too long or, in a PLS, mean nothing; the first of them (from 1, 0 for none).
  size_t skipped_lines = 0;
  size_t first_skipped_line = 0;
  bool truncated = false;

  bool operator==(const Playlist&) const = default;
};

enum class PlaylistError {
  kTooLong,        // more than bytes_max
  kBinary,         // a NUL byte
  kHls,            // segments or variants of HTTP Live Streaming, which only look like an M3U
  kNotPls,         // no [playlist] line, nor one of its kin
  kUnknownFormat,  // XML of another kind
};

constexpr std::string_view ToString(PlaylistError error) {
  switch (error) {
    case PlaylistError::kTooLong:
      return "too long";
    case PlaylistError::kBinary:
      return "not text";
    case PlaylistError::kHls:
      return "an HLS playlist";
    case PlaylistError::kNotPls:
      return "not a PLS playlist";
    case PlaylistError::kUnknownFormat:
      return "not of a known format";
  }
  return "unknown";
}

}  // namespace headwater
