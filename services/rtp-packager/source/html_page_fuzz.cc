#include <cstdint>

#include "services/common/base/bytes.h"
#include "services/common/base/check.h"
#include "services/common/playlist/playlist.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/source/html_page.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  const HtmlPage page = ReadHtmlPage(AsText({data, size}));
  HW_CHECK(IsUtf8(page.title) && page.title.size() <= 120);
  HW_CHECK(page.links.size() <= HtmlPage::kLinksMax);
  for (const std::string& link : page.links) {
    HW_CHECK(!link.empty() && link.size() <= kPlaylistLineMax);
    HW_CHECK(link.find_first_of("\r\n") == std::string::npos);
  }
  return 0;
}
