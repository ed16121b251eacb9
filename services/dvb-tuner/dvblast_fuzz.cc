// What dvblast may answer and print, in any bytes.
#include <cstdint>
#include <string_view>

#include "services/common/base/check.h"
#include "services/common/process/line_cutter.h"
#include "services/common/text/clean_text.h"
#include "services/dvb-tuner/dvblast_control.h"
#include "services/dvb-tuner/dvblast_events.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  using namespace headwater::tuner;
  const Bytes bytes(data, size);
  ControlReplyAssembler assembler;
  for (Bytes rest = bytes; !rest.empty();) {
    const size_t chunk = std::min<size_t>(rest.size(), rest[0] + size_t{1});
    if (const auto reply = assembler.Push(rest.first(chunk))) {
      HW_CHECK(reply->body.size() <= kControlAnswerMax);
      ParseFrontendStatus(reply->body);
      ParsePidStatus(reply->body);
      size_t total = 0;
      for (const Bytes section : SplitSections(reply->body)) total += section.size();
      HW_CHECK(total <= reply->body.size());
    }
    rest = rest.subspan(chunk);
  }
  LineCutter cutter;
  cutter.Push(bytes, [](std::string_view line) {
    HW_CHECK(line.size() <= LineCutter::kLineMax);
    for (const auto& event : {ParseDvblastOutput(line), ParseDvblastMessage(line)}) {
      if (event) HW_CHECK(IsUtf8(event->text));
    }
  });
  return 0;
}
