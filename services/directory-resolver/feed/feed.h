#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/directory-resolver/feed/feed_options.h"
#include "services/directory-resolver/lineup.h"

namespace headwater::directory_resolver {

// Stations that a document may hold before the filter; what follows is counted and left out.
inline constexpr size_t kFeedStationsMax = 200'000;

// What became of a document's entries.
struct FeedCounts {
  uint32_t entries = 0;
  // Left out by the filter.
  uint32_t filtered = 0;
  // Without URL or title, doubled, or said to be broken.
  uint32_t unusable = 0;
  // Beyond stations_max.
  uint32_t over_limit = 0;

  bool operator==(const FeedCounts&) const = default;
};

// The stations of a document, in its order.
struct Feed {
  std::vector<LineupStation> stations;
  FeedCounts counts;
};

// One entry as a document has it: text of any charset and length.
struct FeedEntry {
  // "uuid:..."; empty: the first URL tells.
  std::string identity;
  std::string title;
  // Tried in order; empty ones are skipped.
  std::vector<std::string> urls;
  // One list, separated by `tag_separators`.
  std::string tags;
  std::string homepage;
  std::string logo_url;
  std::string codec;
  uint32_t bits_per_second = 0;
  uint32_t votes = 0;
  std::string country;
  // Separated by commas.
  std::string languages;
  // The directory itself says that it does not play.
  bool broken = false;
};

// Puts a document's entries together: cleans, filters, drops doubles, keeps within the limits.
class FeedCollector {
 public:
  // `tag_separators` are characters.
  FeedCollector(const FeedOptions& options, std::string_view tag_separators);

  void Add(const FeedEntry& entry);
  // The second and further URL of an entry that shares its identity with an earlier one, instead of
  // a double; for M3U.
  void set_join_urls(bool join) { join_urls_ = join; }
  Feed Take();

 private:
  bool IsWanted(const LineupStation& station, std::string_view languages) const;

  FeedOptions options_;
  std::string tag_separators_;
  bool join_urls_ = false;
  // The filter's words, folded.
  FeedFilter wanted_;
  absl::flat_hash_map<std::string, size_t> index_by_identity_;
  Feed feed_;
};

// What is asked of a directory: the URL with the filter in it where that spares the directory bytes
// (Radio-Browser), and with the key (Shoutcast). It appears in no text.
std::string RequestUrl(DirectorySource source, const FeedOptions& options);
// The URL for people: without key, user name and password.
std::string ShownUrl(const FeedOptions& options);
// Tells whether what was fetched before was fetched with the same options.
std::string Fingerprint(DirectorySource source, const FeedOptions& options);

// Reads a document of a directory. INVALID_ARGUMENT says in one line why it is none: half a
// document is not read, since it would take stations away. Safe on any bytes; time and memory are
// linear in them.
absl::StatusOr<Feed> ParseFeed(DirectorySource source, std::string_view document,
                               const FeedOptions& options);

}  // namespace headwater::directory_resolver
