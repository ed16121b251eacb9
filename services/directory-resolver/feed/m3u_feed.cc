#include <fmt/format.h>

#include <string>

#include "services/common/net/source_url.h"
#include "services/common/playlist/m3u.h"
#include "services/directory-resolver/feed/feed_formats.h"

namespace headwater::directory_resolver {

absl::StatusOr<Feed> ParseM3uFeed(std::string_view document, const FeedOptions& options) {
  const auto playlist =
      ParseM3u(document, {.bytes_max = options.bytes_max, .entries_max = kFeedStationsMax});
  if (!playlist.ok())
    return absl::InvalidArgumentError(
        fmt::format("{}, not an M3U of stations", ToString(playlist.error())));
  const auto base = SourceUrl::Parse(options.url);
  FeedCollector collector(options, ";");
  collector.set_join_urls(true);
  for (const PlaylistEntry& row : playlist->entries) {
    FeedEntry entry;
    if (!row.tvg_id.empty()) entry.identity = "tvg-id:" + row.tvg_id;
    entry.title = row.title.empty() ? row.tvg_name : row.title;
    // A bare list of URLs has no titles.
    if (entry.title.empty()) entry.title = row.location;
    entry.urls = {row.location};
    if (base.ok() && !SourceUrl::Parse(row.location).ok()) {
      if (const auto resolved = base->Resolve(row.location); resolved.ok())
        entry.urls = {resolved->ToString()};
    }
    entry.tags = row.group_title;
    entry.logo_url = row.tvg_logo;
    collector.Add(entry);
  }
  return collector.Take();
}

}  // namespace headwater::directory_resolver
