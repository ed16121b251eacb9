#pragma once

#include <string>

namespace headwater {

// What plays now, by ICY metadata or tags in the stream: UTF-8, no control characters, each at most
// 512 bytes.
struct StreamTitle {
  std::string title;
  std::string url;

  bool operator==(const StreamTitle&) const = default;
};

}  // namespace headwater
