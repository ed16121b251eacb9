#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/sdp/sdp.h"

using headwater::AsText;
using headwater::BuildSdp;
using headwater::ParseSdp;

// What can be written from what was read says the same when it is read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = AsText({data, size});
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
