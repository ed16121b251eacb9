#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/playlist/list.h"

// Whatever the format: limits hold, and what comes out is single lines of the text's own order.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const PlaylistLimits limits = {.bytes_max = 65536, .entries_max = 100};
  const ListFormat format = RecognizeList(text);
  const auto playlist = ParseList(text, limits);
  if (!playlist.ok()) return 0;
  HW_CHECK(size <= limits.bytes_max);
  HW_CHECK(playlist->entries.size() <= limits.entries_max);
  HW_CHECK(playlist->base.find_first_of("\r\n") == std::string::npos);
  size_t line = 0;
  for (const PlaylistEntry& entry : playlist->entries) {
    HW_CHECK(!entry.location.empty() && entry.location.size() <= kPlaylistLineMax);
    HW_CHECK(entry.location.find_first_of("\r\n") == std::string::npos);
    HW_CHECK(entry.title.find_first_of("\r\n") == std::string::npos);
    HW_CHECK(entry.line > 0);
    if (format == ListFormat::kXml) HW_CHECK(entry.line >= line);
    line = entry.line;
  }
  return 0;
}
