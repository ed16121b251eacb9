#pragma once

#include <cstddef>
#include <string_view>

#include "services/common/base/bytes.h"

namespace headwater {

enum class ContentKind {
  kNeedMore,  // too little to tell
  kMedia,     // hand it on; whether we can send it is the framer's to say
  kPlaylist,  // of any format that services/common/playlist reads
  kHls,       // an M3U8 of segments or variants
  kHtml,
  kOther,  // text, an image, JSON, XML...: nothing to play
};

// What a response is, by its type and its first bytes together, since either may lie: bytes that
// are plainly media, a list or a page win; a type decides only what its bytes do not contradict.
// `path` is the URL's, for its suffix. `complete`: there will be no more bytes, and the answer is
// never kNeedMore. kMedia is answered as soon as 4 bytes allow; nothing needs more than
// kSniffBytesMax.
inline constexpr size_t kSniffBytesMax = 1024;
ContentKind SniffContent(std::string_view content_type, std::string_view path, Bytes first,
                         bool complete);

// Whether the first bytes are media by themselves, where nothing else speaks for them.
bool BeginsAsMedia(Bytes first);

// Of a playlist: a content type in lower case without parameters; a path or URL by its suffix.
bool IsListType(std::string_view content_type);
bool IsListPath(std::string_view path);

}  // namespace headwater
