#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "services/common/net/source_url.h"
#include "services/rtp-packager/media/stream_title.h"

namespace headwater {

// What a station's server says of itself in JSON beside the stream.
enum class StatusPage {
  kIcecast,    // /status-json.xsl: all mounts
  kShoutcast,  // /stats?json=1 of Shoutcast 2: one stream
};

// Longer ones are not read.
inline constexpr size_t kStatusBytesMax = 256 * 1024;

// Where the server of this stream would have such a page: same scheme, host and port.
SourceUrl StatusPageOf(const SourceUrl& stream, StatusPage page);

// What the stream at this URL plays by such a page, whichever of the two it is; an empty title
// where it tells none. Nothing: the page says nothing of this stream. Of Icecast's mounts it is the
// one whose listenurl has the stream's path; the host in it is what the server takes for its name,
// and does not count. Safe on any bytes; linear in them.
std::optional<StreamTitle> ReadStatusPage(std::string_view text, const SourceUrl& stream);

}  // namespace headwater
