#pragma once

#include <absl/time/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "services/common/base/result.h"
#include "services/common/time/mono_time.h"

namespace headwater {

enum class HlsPlaylistError {
  kNotHls,   // no #EXTM3U, or neither segments nor variants
  kBinary,   // a zero byte
  kTooLong,  // bytes_max
  kTooMany,  // segments, variants, renditions, keys or maps
};
// "longer than allowed", to follow "a playlist that is ".
std::string_view ToString(HlsPlaylistError error);

// At a limit the whole list is refused: half a list would be played as if it were whole.
struct HlsPlaylistLimits {
  size_t bytes_max = 1024 * 1024;
  size_t segments_max = 20'000;
  // Of variants, renditions, keys and maps each.
  size_t others_max = 256;
};

// Part of a resource; offset + length does not wrap.
struct HlsByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;
  bool operator==(const HlsByteRange&) const = default;
};

// EXT-X-KEY (RFC 8216 section 4.3.2.4).
struct HlsKey {
  std::string method;  // "NONE", "AES-128", "SAMPLE-AES"...
  std::string uri;
  std::string format = "identity";
  std::optional<std::array<uint8_t, 16>> iv;
  bool operator==(const HlsKey&) const = default;
};

// EXT-X-MAP (section 4.3.2.5): what precedes the segments of fragmented MP4.
struct HlsMap {
  std::string uri;
  std::optional<HlsByteRange> range;
  // Index in HlsMediaPlaylist.keys.
  std::optional<size_t> key;
};

struct HlsSegment {
  // As it stands in the list; empty where it cannot be used: then it is as EXT-X-GAP.
  std::string uri;
  // Of EXTINF, as it stands there.
  std::string title;
  Duration duration{};  // 0..1 h
  std::optional<HlsByteRange> range;
  // The encoder or its parameters are other ones from here on.
  bool discontinuity = false;
  bool gap = false;
  std::optional<absl::Time> date_time;
  // Indices in HlsMediaPlaylist.keys and maps.
  std::optional<size_t> key;
  std::optional<size_t> map;
};

struct HlsMediaPlaylist {
  // Where the list names none, or one shorter than a segment: the longest segment's. 0 with
  // neither.
  Duration target_duration{};
  uint64_t media_sequence = 0;  // of the first segment; below 2^62
  uint64_t discontinuity_sequence = 0;
  bool end_list = false;
  std::vector<HlsSegment> segments;
  std::vector<HlsKey> keys;
  std::vector<HlsMap> maps;
};

struct HlsVariant {
  std::string uri;
  uint64_t bandwidth = 0;          // bit/s, peak; 0: not named
  uint64_t average_bandwidth = 0;  // bit/s; 0: not named
  std::string codecs;              // "mp4a.40.2,avc1.4d401f"; empty: not named
  bool has_resolution = false;     // so it is video
  std::string audio_group;
};

// EXT-X-MEDIA of TYPE=AUDIO.
struct HlsRendition {
  std::string group;
  std::string uri;  // empty: it is in the variant's own segments
  bool is_default = false;
  bool autoselect = false;
};

struct HlsMasterPlaylist {
  std::vector<HlsVariant> variants;
  std::vector<HlsRendition> renditions;
};

using HlsPlaylist = std::variant<HlsMediaPlaylist, HlsMasterPlaylist>;

// Reads an HLS playlist (RFC 8216 section 4). Unknown tags are passed over; a list with both kinds
// of tags is what its first one says. What one line has wrong spoils its own segment alone, which
// then keeps its number as a gap. Safe on any bytes; time and memory are linear in the text.
Result<HlsPlaylist, HlsPlaylistError> ParseHlsPlaylist(std::string_view text,
                                                       const HlsPlaylistLimits& limits = {});

}  // namespace headwater
