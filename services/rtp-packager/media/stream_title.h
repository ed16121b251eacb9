#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headwater {

inline constexpr size_t kTitleBytesMax = 512;

// What plays now, by ICY metadata or tags in the stream: UTF-8, no control characters, each at most
// kTitleBytesMax bytes.
struct StreamTitle {
  std::string title;
  std::string url;

  bool operator==(const StreamTitle&) const = default;
};

// "Artist - Title" as stations write it in ICY, from a tag that has both apart: UTF-8 or
// windows-1252, cleaned here. Either may be empty.
StreamTitle JoinTitle(std::string_view artist, std::string_view title);

}  // namespace headwater
