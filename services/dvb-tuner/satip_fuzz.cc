// What a SAT>IP server may answer and report, in any bytes: nothing that it says becomes a line of
// a request.
#include <cstdint>
#include <string>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/dvb-tuner/satip_search.h"
#include "services/dvb-tuner/satip_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  using namespace headwater::tuner;
  const Bytes bytes(data, size);
  static_cast<void>(IsSatipServer(bytes));
  if (const auto signal = ParseSatipStatus(bytes)) HW_CHECK(*signal->strength_ratio <= 1);
  SatipSession session("192.0.2.5:554", "src=1", 5000);
  MonoTime now{};
  std::string sent = session.Begin(now);
  for (Bytes rest = bytes; !rest.empty();) {
    const size_t piece = std::min<size_t>(rest.size(), 1 + rest[0] % 64);
    sent = session.OnBytes(rest.first(piece), now);
    rest = rest.subspan(piece);
    size_t lines = 0;
    for (size_t at = 0; (at = sent.find('\n', at)) != std::string::npos; ++at) ++lines;
    HW_CHECK(sent.empty() || (sent.ends_with("\r\n\r\n") && lines == 4));
    now += 1s;
    session.OnTime(now);
  }
  HW_CHECK(IsUtf8(session.error()) && session.error().find('\n') == std::string::npos);
  return 0;
}
