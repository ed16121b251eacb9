#include "services/common/playlist/list.h"

#include <algorithm>
#include <array>
#include <optional>

#include "services/common/playlist/line_scanner.h"
#include "services/common/playlist/m3u.h"
#include "services/common/playlist/pls.h"
#include "services/common/playlist/xml_list.h"

namespace headwater {
namespace {

// Schemes that a line of a bare list begins with. That we do not play all of them is for whoever
// follows the list to say.
constexpr std::array<std::string_view, 8> kSchemes = {"http://", "https://", "icy://",  "rtsp://",
                                                      "mms://",  "mmsh://",  "rtmp://", "pnm://"};
constexpr std::array<std::string_view, 3> kM3uTags = {"#extm3u", "#extinf", "#ext-x-"};

template <size_t kSize>
bool StartsWithAny(std::string_view text, const std::array<std::string_view, kSize>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [text](std::string_view prefix) { return StartsWithNoCase(text, prefix); });
}

// The first line that is not a comment decides.
bool LooksLikeM3u(std::string_view text) {
  LineScanner lines(text);
  while (const std::optional<std::string_view> line = lines.Next()) {
    if (StartsWithAny(*line, kM3uTags) || StartsWithAny(*line, kSchemes)) return true;
    if (!line->empty() && line->front() != '#') return false;
  }
  return false;
}

}  // namespace

ListFormat RecognizeList(std::string_view text) {
  if (LooksLikePls(text)) return ListFormat::kPls;
  if (LooksLikeM3u(text)) return ListFormat::kM3u;
  const bool markup = TrimAscii(WithoutByteOrderMark(text)).starts_with('<');
  return markup && LooksLikeXmlList(text) ? ListFormat::kXml : ListFormat::kNone;
}

Result<Playlist, PlaylistError> ParseList(std::string_view text, const PlaylistLimits& limits) {
  if (LooksLikePls(text)) return ParsePls(text, limits);
  const bool markup = TrimAscii(WithoutByteOrderMark(text)).starts_with('<');
  return markup ? ParseXmlList(text, limits) : ParseM3u(text, limits);
}

}  // namespace headwater
