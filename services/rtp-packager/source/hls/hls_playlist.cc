#include "services/rtp-packager/source/hls/hls_playlist.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "services/common/playlist/line_scanner.h"

namespace headwater {
namespace {

// Longer ones are no URL that would be requested.
constexpr size_t kUriBytesMax = 4096;
constexpr size_t kTitleBytesMax = 1024;
constexpr uint64_t kNumberMax = uint64_t{1} << 62;

// "12", and nothing for anything else, or more than 2^62.
std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kNumberMax) {
    return std::nullopt;
  }
  return value;
}

// Decimal seconds; what is no number, or negative, or longer than an hour is brought into range.
Duration ParseSeconds(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end == text.data() || !std::isfinite(seconds)) return {};
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::clamp(seconds, 0.0, 3600.0)));
}

// "length[@offset]" (RFC 8216 section 4.3.2.2); without offset it begins at `next`.
std::optional<HlsByteRange> ParseRange(std::string_view text, uint64_t next) {
  const size_t at = text.find('@');
  const auto length = ParseNumber(text.substr(0, at));
  const auto offset =
      at == std::string_view::npos ? std::optional(next) : ParseNumber(text.substr(at + 1));
  if (!length || !offset || *length == 0 || *offset + *length > kNumberMax) return std::nullopt;
  return HlsByteRange{*offset, *length};
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = LowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// "0x" and at most 32 digits.
std::optional<std::array<uint8_t, 16>> ParseIv(std::string_view text) {
  if (!StartsWithNoCase(text, "0x") || text.size() > 34 || text.size() == 2) return std::nullopt;
  std::array<uint8_t, 16> iv = {};
  size_t nibble = 32;
  for (size_t i = text.size(); i > 2; --i) {
    const int digit = HexDigit(text[i - 1]);
    if (digit < 0) return std::nullopt;
    --nibble;
    iv[nibble / 2] = static_cast<uint8_t>(iv[nibble / 2] | digit << (nibble % 2 == 0 ? 4 : 0));
  }
  return iv;
}

// Takes "NAME=VALUE,NAME="VALUE",..." apart (section 4.2). Values come without quotes.
class AttributeScanner {
 public:
  struct Attribute {
    std::string_view name;
    std::string_view value;
  };

  explicit AttributeScanner(std::string_view text) : rest_(text) {}

  std::optional<Attribute> Next() {
    const size_t equals = rest_.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    Attribute attribute{TrimAscii(rest_.substr(0, equals)), {}};
    rest_.remove_prefix(equals + 1);
    if (!rest_.empty() && rest_.front() == '"') {
      const size_t end = std::min(rest_.find('"', 1), rest_.size());
      attribute.value = rest_.substr(1, end - 1);
      rest_.remove_prefix(end);
    } else {
      attribute.value = TrimAscii(rest_.substr(0, rest_.find(',')));
    }
    const size_t comma = rest_.find(',');
    rest_ = comma == std::string_view::npos ? std::string_view() : rest_.substr(comma + 1);
    return attribute;
  }

 private:
  std::string_view rest_;
};

bool IsYes(std::string_view value) { return value == "YES"; }

class Parser {
 public:
  explicit Parser(const HlsPlaylistLimits& limits) : limits_(limits) {}

  Result<HlsPlaylist, HlsPlaylistError> Parse(std::string_view text) {
    if (text.size() > limits_.bytes_max) return HlsPlaylistError::kTooLong;
    if (text.find('\0') != std::string_view::npos) return HlsPlaylistError::kBinary;
    LineScanner lines(text);
    const auto first = lines.Next();
    if (!first || !StartsWithNoCase(*first, "#extm3u")) return HlsPlaylistError::kNotHls;
    while (const auto line = lines.Next()) {
      if (line->empty()) continue;
      if (line->front() == '#') {
        ReadTag(*line);
      } else {
        ReadUri(*line);
      }
      if (too_many_) return HlsPlaylistError::kTooMany;
    }
    if (is_master_ && !master_.variants.empty()) return HlsPlaylist(std::move(master_));
    if (!is_media_) return HlsPlaylistError::kNotHls;
    for (const HlsSegment& segment : media_.segments) {
      media_.target_duration = std::max(media_.target_duration, segment.duration);
    }
    return HlsPlaylist(std::move(media_));
  }

 private:
  void ReadTag(std::string_view line) {
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : TrimAscii(line.substr(colon + 1));
    if (name == "#EXT-X-STREAM-INF") return ReadVariant(value);
    if (name == "#EXT-X-MEDIA") return ReadRendition(value);
    if (is_master_) return;
    if (name == "#EXTINF") return ReadInfo(value);
    if (name == "#EXT-X-TARGETDURATION") {
      is_media_ = true;
      media_.target_duration = ParseSeconds(value);
    } else if (name == "#EXT-X-MEDIA-SEQUENCE") {
      is_media_ = true;
      media_.media_sequence = ParseNumber(value).value_or(0);
    } else if (name == "#EXT-X-DISCONTINUITY-SEQUENCE") {
      media_.discontinuity_sequence = ParseNumber(value).value_or(0);
    } else if (name == "#EXT-X-ENDLIST") {
      media_.end_list = true;
    } else {
      ReadSegmentTag(name, value);
    }
  }

  void ReadSegmentTag(std::string_view name, std::string_view value) {
    if (name == "#EXT-X-DISCONTINUITY") {
      next_.discontinuity = true;
    } else if (name == "#EXT-X-GAP") {
      next_.gap = true;
    } else if (name == "#EXT-X-BYTERANGE") {
      next_.range = ParseRange(value, range_end_);
      next_.gap = next_.gap || !next_.range;
    } else if (name == "#EXT-X-PROGRAM-DATE-TIME") {
      absl::Time time;
      if (absl::ParseTime(absl::RFC3339_full, {value.data(), value.size()}, &time, nullptr)) {
        next_.date_time = time;
      }
    } else if (name == "#EXT-X-KEY") {
      ReadKey(value);
    } else if (name == "#EXT-X-MAP") {
      ReadMap(value);
    }
  }

  // "seconds,title"
  void ReadInfo(std::string_view value) {
    is_media_ = true;
    has_info_ = true;
    const size_t comma = value.find(',');
    next_.duration = ParseSeconds(TrimAscii(value.substr(0, comma)));
    if (comma != std::string_view::npos) {
      next_.title = TrimAscii(value.substr(comma + 1)).substr(0, kTitleBytesMax);
    }
  }

  void ReadKey(std::string_view value) {
    HlsKey key;
    AttributeScanner attributes(value);
    while (const auto attribute = attributes.Next()) {
      if (attribute->name == "METHOD") key.method = attribute->value.substr(0, 32);
      if (attribute->name == "URI") key.uri = attribute->value.substr(0, kUriBytesMax);
      if (attribute->name == "KEYFORMAT") key.format = attribute->value.substr(0, 128);
      if (attribute->name == "IV") key.iv = ParseIv(attribute->value);
    }
    // Several at one place are several ways to the same key (section 4.3.2.4): ours is "identity".
    const bool is_choice = std::exchange(key_is_fresh_, true);
    if (is_choice && next_.key && media_.keys[*next_.key].format == "identity") return;
    if (key.method == "NONE") {
      next_.key.reset();
      return;
    }
    next_.key = Add(std::move(key), media_.keys);
  }

  void ReadMap(std::string_view value) {
    HlsMap map;
    bool good = true;
    AttributeScanner attributes(value);
    while (const auto attribute = attributes.Next()) {
      if (attribute->name == "URI") map.uri = attribute->value;
      if (attribute->name == "BYTERANGE") {
        map.range = ParseRange(attribute->value, 0);
        good = map.range.has_value();
      }
    }
    if (!good || map.uri.size() > kUriBytesMax) map.uri.clear();
    map.key = next_.key;
    next_.map = Add(std::move(map), media_.maps);
  }

  void ReadUri(std::string_view line) {
    if (is_master_) {
      if (!variant_) return;
      if (line.size() <= kUriBytesMax) {
        variant_->uri = line;
        Add(*std::move(variant_), master_.variants);
      }
      variant_.reset();
      return;
    }
    // Of a plain M3U, or the rest of a line that was cut.
    if (!std::exchange(has_info_, false)) return;
    if (media_.segments.size() >= limits_.segments_max) {
      too_many_ = true;
      return;
    }
    HlsSegment following;
    following.key = next_.key;
    following.map = next_.map;
    if (line.size() <= kUriBytesMax) next_.uri = line;
    next_.gap = next_.gap || next_.uri.empty();
    range_end_ = next_.range ? next_.range->offset + next_.range->length : 0;
    key_is_fresh_ = false;
    media_.segments.push_back(std::exchange(next_, std::move(following)));
  }

  void ReadVariant(std::string_view value) {
    if (is_media_) return;
    is_master_ = true;
    variant_.emplace();
    AttributeScanner attributes(value);
    while (const auto attribute = attributes.Next()) {
      const auto [name, text] = *attribute;
      if (name == "BANDWIDTH") variant_->bandwidth = ParseNumber(text).value_or(0);
      if (name == "AVERAGE-BANDWIDTH") variant_->average_bandwidth = ParseNumber(text).value_or(0);
      if (name == "CODECS") variant_->codecs = text.substr(0, 256);
      if (name == "RESOLUTION") variant_->has_resolution = true;
      if (name == "AUDIO") variant_->audio_group = text.substr(0, 256);
    }
  }

  void ReadRendition(std::string_view value) {
    if (is_media_) return;
    HlsRendition rendition;
    bool is_audio = false;
    AttributeScanner attributes(value);
    while (const auto attribute = attributes.Next()) {
      const auto [name, text] = *attribute;
      if (name == "TYPE") is_audio = text == "AUDIO";
      if (name == "GROUP-ID") rendition.group = text.substr(0, 256);
      if (name == "URI") rendition.uri = text.size() <= kUriBytesMax ? text : std::string_view();
      if (name == "DEFAULT") rendition.is_default = IsYes(text);
      if (name == "AUTOSELECT") rendition.autoselect = IsYes(text);
    }
    if (is_audio) Add(std::move(rendition), master_.renditions);
  }

  template <typename T>
  size_t Add(T item, std::vector<T>& items) {
    if (items.size() >= limits_.others_max) {
      too_many_ = true;
      return 0;
    }
    items.push_back(std::move(item));
    return items.size() - 1;
  }

  const HlsPlaylistLimits limits_;
  bool is_media_ = false;
  bool is_master_ = false;
  bool too_many_ = false;
  HlsMediaPlaylist media_;
  HlsMasterPlaylist master_;
  HlsSegment next_;  // what has been said of the next segment; key and map stay in force
  bool has_info_ = false;
  bool key_is_fresh_ = false;  // since the last segment
  uint64_t range_end_ = 0;
  std::optional<HlsVariant> variant_;
};

}  // namespace

std::string_view ToString(HlsPlaylistError error) {
  switch (error) {
    case HlsPlaylistError::kNotHls:
      return "not an HLS playlist";
    case HlsPlaylistError::kBinary:
      return "not text";
    case HlsPlaylistError::kTooLong:
      return "longer than allowed";
    case HlsPlaylistError::kTooMany:
      break;
  }
  return "of more entries than allowed";
}

Result<HlsPlaylist, HlsPlaylistError> ParseHlsPlaylist(std::string_view text,
                                                       const HlsPlaylistLimits& limits) {
  return Parser(limits).Parse(text);
}

}  // namespace headwater
