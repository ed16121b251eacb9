#pragma once

#include <string_view>

#include "services/common/base/result.h"
#include "services/common/playlist/playlist.h"

namespace headwater {

enum class ListFormat {
  kNone,  // nothing says that it is a list; a bare M3U says nothing
  kM3u,   // also a bare list of URLs, RAM and text/uri-list
  kPls,   // see pls.h
  kXml,   // see xml_list.h
};

// What the first words of a text, of which there may be more to come, say.
ListFormat RecognizeList(std::string_view text);

// Reads any list by what it says itself; what says nothing is read as a bare M3U. Safe on any
// bytes.
Result<Playlist, PlaylistError> ParseList(std::string_view text, const PlaylistLimits& limits = {});

}  // namespace headwater
