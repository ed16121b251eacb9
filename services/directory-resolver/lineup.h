#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/directory-resolver/station.h"

namespace headwater::directory_resolver {

// Limits of one lineup file. Beyond them the file is refused whole, as any other fault does: half a
// lineup would take stations away without a word.
inline constexpr size_t kLineupBytesMax = 32 << 20;
inline constexpr size_t kLineupStationsMax = 100'000;
// Faults told at once.
inline constexpr size_t kLineupFaultsMax = 20;
inline constexpr size_t kStationUrlsMax = 16;
inline constexpr size_t kStationUrlBytesMax = 2048;
inline constexpr size_t kStationTagsMax = 32;

// A station as its file has it; text is cleaned and in bounds.
struct LineupStation {
  // What makes it the same station in the next version of the file, so that it keeps its number:
  //   TOML: "id:<id>", or with a number of its own "number:0x…", else "title:<title> <first url>";
  //   M3U:  "tvg-id:<tvg-id>", else "url:<normalised url>".
  std::string identity;
  // Given by hand.
  std::optional<uint32_t> number;
  std::string title;
  std::vector<std::string> urls;
  std::vector<std::string> tags;
  std::string homepage;
  std::string logo_url;
  StationDetails details;
  // Of a tuner's lineup; there are no URLs then.
  std::optional<DvbSource> dvb;
  // For messages: "radio.toml:12".
  std::string place;

  bool operator==(const LineupStation&) const = default;
};

// [[station]] tables. INVALID_ARGUMENT has a line a fault: file, line, column and what is allowed.
absl::StatusOr<std::vector<LineupStation>> ParseTomlLineup(const std::string& text,
                                                           const std::string& file);

// Entries that share a tvg-id are one station with several URLs, tried in that order.
// INVALID_ARGUMENT has a line a fault: file, line and what is allowed.
absl::StatusOr<std::vector<LineupStation>> ParseM3uLineup(std::string_view text,
                                                          const std::string& file);

// By the file's name: .m3u and .m3u8 are M3U, .toml is TOML; anything else is INVALID_ARGUMENT.
absl::StatusOr<std::vector<LineupStation>> ParseLineup(const std::string& text,
                                                       const std::string& file);

// "http://host/path" or "https://" or "icy://", of printable ASCII without spaces, in bounds.
bool IsStationUrl(std::string_view url);

// The same for every way to write the same URL: lower case of scheme and host, no default port, no
// fragment, no user name, icy as http. The text itself where it is no URL.
std::string NormalisedUrl(std::string_view url);

}  // namespace headwater::directory_resolver
