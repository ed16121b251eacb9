#include <cstdint>

#include "services/common/base/check.h"
#include "services/directory-resolver/feed/feed.h"

// The first byte chooses the kind of directory.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater::directory_resolver;  // NOLINT
  if (size == 0) return 0;
  constexpr DirectorySource kKinds[] = {DirectorySource::kRadioBrowser, DirectorySource::kXiph,
                                        DirectorySource::kTuneIn, DirectorySource::kShoutcast,
                                        DirectorySource::kM3u};
  const std::string_view document(reinterpret_cast<const char*>(data) + 1, size - 1);
  FeedOptions options;
  options.url = "http://directory.example/list";
  options.stations_max = 100;
  const auto feed = ParseFeed(kKinds[data[0] % std::size(kKinds)], document, options);
  if (!feed.ok()) {
    HW_CHECK(!feed.status().message().empty());
    return 0;
  }
  HW_CHECK(feed->stations.size() <= options.stations_max);
  const FeedCounts& counts = feed->counts;
  HW_CHECK(counts.entries >= feed->stations.size() + counts.filtered + counts.over_limit);
  for (const LineupStation& station : feed->stations) {
    HW_CHECK(!station.identity.empty() && station.identity.size() <= 2 * kStationUrlBytesMax);
    HW_CHECK(!station.title.empty() && station.title.size() <= 256);
    HW_CHECK(!station.urls.empty() && station.urls.size() <= kStationUrlsMax);
    for (const std::string& url : station.urls) HW_CHECK(IsStationUrl(url));
    HW_CHECK(station.tags.size() <= kStationTagsMax);
    for (const std::string* text : {&station.title, &station.details.codec,
                                    &station.details.country, &station.details.language}) {
      for (const char c : *text) HW_CHECK(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
    }
  }
  return 0;
}
