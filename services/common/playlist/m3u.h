#pragma once

#include <string_view>

#include "services/common/base/result.h"
#include "services/common/playlist/playlist.h"

namespace headwater {

// Reads an M3U: with or without #EXTM3U, so also a bare list of URLs; LF, CRLF or CR; with or
// without byte order mark. Of the comments it reads #EXTINF with its key="value" attributes and
// #EXTGRP. RealAudio's RAM and text/uri-list (RFC 2483 section 5) read as such lists. Safe on any
// bytes; time and memory are linear in the text.
Result<Playlist, PlaylistError> ParseM3u(std::string_view text, const PlaylistLimits& limits = {});

}  // namespace headwater
