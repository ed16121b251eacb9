#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "services/common/time/mono_time.h"

namespace headwater::directory_resolver {

// Where the stations of a directory come from.
enum class DirectorySource : uint8_t {
  kLineup,        // a file
  kCatalogue,     // people add them
  kFavourites,    // second numbers of stations elsewhere
  kRadioBrowser,  // fetched, as the next four
  kXiph,
  kTuneIn,
  kShoutcast,
  kM3u,
  kDvb,  // what tuners receive
};

// Whether a document is fetched for it.
constexpr bool IsFetched(DirectorySource source) {
  return source >= DirectorySource::kRadioBrowser && source <= DirectorySource::kM3u;
}

// Which stations of a document are wanted. Each list that is not empty must hold one of the
// station's values, in any case; a station that does not tell a value passes no filter on it.
struct FeedFilter {
  std::vector<std::string> tags;
  // ISO 3166-1 alpha-2.
  std::vector<std::string> countries;
  std::vector<std::string> languages;
  std::vector<std::string> codecs;
  // Bits per second; 0: no bound.
  uint32_t bitrate_min = 0;
  uint32_t bitrate_max = 0;
  uint32_t votes_min = 0;

  bool operator==(const FeedFilter&) const = default;
};

// How a directory's document is fetched and what is taken of it.
struct FeedOptions {
  std::string url;
  // Shoutcast's developer id; appears in no text.
  std::string key;
  FeedFilter filter;
  // Stations kept: those with the most votes, and among equals the first of the document.
  size_t stations_max = 10'000;
  // A larger document is refused; it counts what comes out of a compressed one.
  size_t bytes_max = 128 << 20;
  // From one good document to the next fetch, and from a failure to the next try.
  Duration refresh = 24h;
  Duration retry = 10min;
  // Of one fetch, from the name to the last byte.
  Duration timeout = 2min;
  // A document with fewer stations than this share of those in force is refused. 0: never.
  double shrink_min = 0.5;

  bool operator==(const FeedOptions&) const = default;
};

}  // namespace headwater::directory_resolver
