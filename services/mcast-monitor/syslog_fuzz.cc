#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/mcast-monitor/event.h"

using namespace headwater;
using namespace headwater::monitor;

// Whatever comes is an event with clean, short texts and numbers in their ranges.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Event event = SyslogEvent({}, {data, size});
  HW_CHECK(!event.facility || *event.facility < kFacilities);
  HW_CHECK(event.severity < kSeverities);
  for (const std::string* text : {&event.host, &event.app, &event.text}) {
    HW_CHECK(IsUtf8(*text) && text->size() <= Event::kTextMax);
    for (const char c : *text) HW_CHECK(static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
  }
  const EventFilter filter{.words = SplitWords(event.text, false)};
  HW_CHECK(filter.Matches(event));
  return 0;
}
