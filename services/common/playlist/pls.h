#pragma once

#include <string_view>

#include "services/common/base/result.h"
#include "services/common/playlist/playlist.h"

namespace headwater {

// Whether the text begins as a PLS or one of its kin does: with [playlist], [Reference] or
// [InternetShortcut], in any case, after white space and a byte order mark.
bool LooksLikePls(std::string_view text);

// Reads a PLS: FileN and TitleN, in the order of N wherever they stand; NumberOfEntries, which
// often lies, is ignored. Likewise Windows Media's RefN under [Reference], and the one URL of an
// [InternetShortcut]. Safe on any bytes.
Result<Playlist, PlaylistError> ParsePls(std::string_view text, const PlaylistLimits& limits = {});

}  // namespace headwater
