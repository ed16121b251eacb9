#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/sdp/sdp.h"

using headwater::AsText;
using headwater::BuildSdp;
using headwater::CleanSdpText;
using headwater::kSdpTextMax;
using headwater::ParseSdp;

// What can be written from what was read says the same when it is read again; text from outside
// never breaks a line.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
  const std::string clean = CleanSdpText(text);
  HW_CHECK(clean.size() <= kSdpTextMax && clean.find_first_of("\r\n") == std::string::npos);
  HW_CHECK(CleanSdpText(clean) == clean);

  const auto parsed = ParseSdp(text);
  if (!parsed) return 0;
  const auto written = BuildSdp(*parsed);
  if (!written.ok()) return 0;
  const auto again = ParseSdp(*written);
  HW_CHECK(again.ok());
  const auto rewritten = BuildSdp(*again);
  HW_CHECK(rewritten.ok() && *rewritten == *written);
  return 0;
}
