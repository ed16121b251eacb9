#include <cstdint>
#include <string>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/directory-resolver/export.h"
#include "services/directory-resolver/guide.h"

namespace headwater::directory_resolver {
namespace {

size_t Count(std::string_view text, std::string_view word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

// Whatever a broadcaster sends, the document has the elements that we wrote and no others.
void CheckDocument(const std::string& text, size_t programmes) {
  HW_CHECK(IsUtf8(text));
  HW_CHECK(Count(text, "<channel ") == 1 && Count(text, "</channel>") == 1);
  HW_CHECK(Count(text, "<programme ") == programmes && Count(text, "</programme>") == programmes);
  HW_CHECK(Count(text, "<title") == programmes && Count(text, "</title>") == programmes);
  HW_CHECK(Count(text, "<desc") == Count(text, "</desc>"));
  // Two for the declaration and the document type, two for the root.
  const size_t elements =
      2 * (Count(text, "</channel>") + Count(text, "</display-name>") +
           Count(text, "</programme>") + Count(text, "</title>") + Count(text, "</desc>"));
  HW_CHECK(Count(text, "<") == elements + 4);
  for (const char c : text) HW_CHECK(c == '\n' || static_cast<unsigned char>(c) >= ' ');
}

}  // namespace
}  // namespace headwater::directory_resolver

// Two bytes of time, then text that is cut at each NUL: title, short text, description, the next
// event.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;                      // NOLINT
  using namespace headwater::directory_resolver;  // NOLINT
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto take = [&rest](size_t bytes_max) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    std::string text = CleanText(rest.substr(0, end), bytes_max);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return text;
  };
  Station station;
  station.number = 0xcb5a1041;
  station.title = take(256);
  station.dvb = DvbSource{.original_network_id = 2, .transport_stream_id = 3, .service_id = 4};
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  std::vector<GuideEvent> events;
  while (rest.size() > 2) {
    GuideEvent event;
    event.start = now + absl::Minutes(static_cast<signed char>(rest[0]) * 60);
    event.stop = event.start + absl::Minutes(static_cast<signed char>(rest[1]));
    rest.remove_prefix(2);
    event.title = take(256);
    event.text = take(1024);
    event.description = take(4096);
    event.language = "eng";
    events.push_back(std::move(event));
  }
  Guide guide({.services = 1, .service_events = 20, .bytes = 8192});
  const bool kept = guide.Set({2, 3, 4}, std::move(events), now);
  const std::vector<GuideEvent>* known = guide.Find({2, 3, 4});
  HW_CHECK(kept || known == nullptr);
  HW_CHECK(guide.bytes() <= 8192 && guide.events() <= 20);
  CheckDocument(WriteXmltv({&station}, guide, now), known == nullptr ? 0 : known->size());
  return 0;
}
