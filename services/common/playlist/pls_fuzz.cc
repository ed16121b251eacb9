#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/playlist/pls.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const headwater::PlaylistLimits limits = {.bytes_max = 65536, .entries_max = 100};
  const auto playlist = headwater::ParsePls(text, limits);
  if (!playlist.ok()) return 0;
  HW_CHECK(headwater::LooksLikePls(text));
  HW_CHECK(playlist->entries.size() <= limits.entries_max);
  for (const headwater::PlaylistEntry& entry : playlist->entries) {
    HW_CHECK(!entry.location.empty() && entry.location.size() <= headwater::kPlaylistLineMax);
    HW_CHECK(entry.location.find_first_of("\r\n") == std::string::npos);
    HW_CHECK(entry.line > 0);
  }
  return 0;
}
