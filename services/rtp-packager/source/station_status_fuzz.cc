#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/source/status_watch.h"

// The first line is the stream's URL, the rest its server's page.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  const std::string_view text = AsText({data, size});
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto stream = SourceUrl::Parse(text.substr(0, end));
  if (!stream.ok()) return 0;
  const std::string_view page = text.substr(end + 1);
  for (const StatusPage each : {StatusPage::kIcecast, StatusPage::kShoutcast}) {
    const SourceUrl url = StatusPageOf(*stream, each);
    HW_CHECK(url.SameOrigin(*stream) && SourceUrl::Parse(url.ToString()).ok());
  }
  StatusWatch watch({}, *stream, MonoTime{});
  MonoTime now{};
  for (int i = 0; i < 10 && watch.next() != kNever; ++i) {
    HW_CHECK(watch.next() >= now);
    now = watch.next();
    watch.OnAnswer(i % 3 == 2 ? page.substr(0, page.size() / 2) : page, now);
    if (const auto title = watch.TakeNews()) {
      HW_CHECK(IsUtf8(title->title) && title->title.size() <= kTitleBytesMax);
    }
  }
  return 0;
}
