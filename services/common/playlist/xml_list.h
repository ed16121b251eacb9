#pragma once

#include <string_view>

#include "services/common/base/result.h"
#include "services/common/playlist/playlist.h"

namespace headwater {

// Whether the first element is that of one of the lists below.
bool LooksLikeXmlList(std::string_view text);

// Reads the lists that are written in XML, or nearly so:
//   XSPF        <playlist><track><location>   (xspf.org)
//   ASX         <asx><entry><ref href>, <entryref href>, <base href>   (Windows Media)
//   SMIL, WPL   <smil><audio|video|ref|media src>, <meta name="base" content>
//   OPML        <opml><outline type="audio" url>, or with no type; also xmlUrl
//   QTL         <embed src>   (QuickTime media link)
// Several locations of one entry are entries of their own, in order. Read by MarkupScanner, so
// mangled lists give what can be made out, and nothing that a document defines is ever expanded.
Result<Playlist, PlaylistError> ParseXmlList(std::string_view text,
                                             const PlaylistLimits& limits = {});

}  // namespace headwater
