#include "services/rtp-packager/media/stream_title.h"

#include "services/common/text/clean_text.h"

namespace headwater {

StreamTitle JoinTitle(std::string_view artist, std::string_view title) {
  const std::string clean_artist = CleanText(artist, kTitleBytesMax);
  const std::string clean_title = CleanText(title, kTitleBytesMax);
  if (clean_artist.empty()) return {clean_title, {}};
  if (clean_title.empty()) return {clean_artist, {}};
  // Cut anew: both together may be too long.
  return {CleanText(clean_artist + " - " + clean_title, kTitleBytesMax), {}};
}

}  // namespace headwater
