#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headwater {

// What a web page that stands where a stream should be says of it.
struct HtmlPage {
  // Clean text of at most 120 bytes; empty when there is none.
  std::string title;
  // What the links are relative to, itself relative to the page's own URL; empty for that URL.
  std::string base;
  // Alternatives, in order, at most kLinksMax: the page names one stream, or none. As they came.
  std::vector<std::string> links;

  static constexpr size_t kLinksMax = 16;
};

// Reads a page, whole or its beginning. Its links are the first of these that it has:
//   <link rel="alternate"> of an audio or playlist type, <meta property="og:audio">
//   the sources of its <audio> element, if it has one and not several
//   <a> to playlists, if all are the same but for the suffix: "listen.m3u", "listen.pls"
//   <meta http-equiv="refresh"> to another URL
// Anything else would be a guess at which station was meant.
HtmlPage ReadHtmlPage(std::string_view page);

}  // namespace headwater
