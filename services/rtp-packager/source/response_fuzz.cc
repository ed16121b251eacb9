#include <cstdint>
#include <string>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/source/content_sniffer.h"
#include "services/rtp-packager/source/response_head.h"
#include "services/rtp-packager/source/source_walk.h"

// A response as it comes: header lines, the empty line, a body.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  std::string_view rest = AsText({data, size});
  ResponseHead head;
  while (!rest.empty() && !head.complete()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!head.AddLine(line)) return 0;
  }
  HW_CHECK(IsUtf8(head.head().icy_name) && IsUtf8(head.StatusText()));
  SourceWalk walk({}, {.urls = {"https://a.example/b/c"}, .first = 0, .local = false});
  if (head.location()) walk.OnRedirect(*head.location());
  if (const SourceUrl* url = walk.current()) {
    // What is checked is what is requested: the text reads back as the same URL.
    SourceUrl plain = *url;
    plain.user.clear();
    plain.password.clear();
    const auto again = SourceUrl::Parse(url->ToString());
    if (url->ToString().size() <= SourceUrl::kBytesMax) HW_CHECK(again.ok() && *again == plain);
  }
  const Bytes body = AsBytes(rest);
  const ContentKind early =
      SniffContent(head.head().content_type, "/x", body.first(body.size() / 2), false);
  const ContentKind final_kind = SniffContent(head.head().content_type, "/x", body, true);
  HW_CHECK(final_kind != ContentKind::kNeedMore);
  static_cast<void>(early);
  walk.OnFailure(SourceErrorReason::kCodec, head.StatusText());
  HW_CHECK(IsUtf8(walk.error().text) && walk.error().text.size() <= 500);
  return 0;
}
