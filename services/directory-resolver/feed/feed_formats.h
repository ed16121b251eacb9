#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "services/directory-resolver/feed/feed.h"

namespace headwater::directory_resolver {

// The readers behind ParseFeed, one for each kind of directory; errors as there.

// Stations of Radio-Browser's JSON API: an array of objects (api.radio-browser.info). The identity
// is "uuid:<stationuuid>". What its own last check found broken is left out.
absl::StatusOr<Feed> ParseRadioBrowser(std::string_view document, const FeedOptions& options);
// The Icecast directory's yp.xml: <directory><entry>... It has no ids: the URL tells.
absl::StatusOr<Feed> ParseXiph(std::string_view document, const FeedOptions& options);
// TuneIn's OPML: outlines of type "audio" and, where they say so, of item "station", however
// nested. The identity is "guide:<guide_id>".
absl::StatusOr<Feed> ParseTuneIn(std::string_view document, const FeedOptions& options);
// Shoutcast's station list: <stationlist><tunein base/><station .../>. The identity is "id:<id>".
absl::StatusOr<Feed> ParseShoutcast(std::string_view document, const FeedOptions& options);
// An M3U by URL: "tvg-id:<tvg-id>", else the URL; entries that share a tvg-id are one station with
// several URLs. Relative URLs start at the M3U's own.
absl::StatusOr<Feed> ParseM3uFeed(std::string_view document, const FeedOptions& options);

}  // namespace headwater::directory_resolver
