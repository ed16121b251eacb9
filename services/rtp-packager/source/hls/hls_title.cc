#include <array>

#include "services/common/playlist/line_scanner.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/media/stream_title.h"
#include "services/rtp-packager/source/hls/hls_player.h"

namespace headwater {
namespace {

// The text between the quotes behind `name="`, or nothing.
std::string_view Quoted(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    if (at > 0 && text[at - 1] != ',' && text[at - 1] != ' ') continue;
    const std::string_view value = text.substr(at + name.size());
    return value.substr(0, value.find('"'));
  }
  return {};
}

bool IsNoTitle(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kWords = {"no desc", "no-desc", "nodesc",
                                                             "live",    "unknown", "untitled"};
  for (const std::string_view word : kWords) {
    if (text.size() == word.size() && StartsWithNoCase(text, word)) return true;
  }
  // "#EXTINF:10,offset=0,adContext=''": attributes of a vendor.
  const size_t equals = text.find_first_of(" =,");
  if (equals != std::string_view::npos && text[equals] == '=') return true;
  if (text.find_first_not_of("0123456789.-_ ") == std::string_view::npos) return true;
  const size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || text.find(' ') != std::string_view::npos) return false;
  const size_t suffix = text.size() - dot - 1;
  return suffix >= 2 && suffix <= 4;  // a file's name
}

}  // namespace

std::string HlsTitle(std::string_view info_title) {
  const std::string_view title = TrimAscii(Quoted(info_title, "title=\""));
  if (!title.empty()) return JoinTitle(TrimAscii(Quoted(info_title, "artist=\"")), title).title;
  const std::string text = CleanText(info_title, kTitleBytesMax);
  return IsNoTitle(text) ? "" : text;
}

}  // namespace headwater
