#include <cstdint>

#include "services/common/base/check.h"
#include "services/directory-resolver/lineup.h"

// M3U only: lineups in TOML are written by the operator, and playlists come from anywhere.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater::directory_resolver;  // NOLINT
  const auto stations =
      ParseM3uLineup(std::string_view(reinterpret_cast<const char*>(data), size), "x.m3u");
  if (!stations.ok()) {
    HW_CHECK(!stations.status().message().empty());
    return 0;
  }
  for (const LineupStation& station : *stations) {
    HW_CHECK(!station.title.empty() && station.title.size() <= 256);
    HW_CHECK(!station.urls.empty() && station.urls.size() <= kStationUrlsMax);
    for (const std::string& url : station.urls) HW_CHECK(IsStationUrl(url));
    HW_CHECK(station.tags.size() <= kStationTagsMax);
    for (const char c : station.title) HW_CHECK(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
  }
  return 0;
}
