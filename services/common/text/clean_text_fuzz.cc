#include <cstdint>

#include "services/common/base/bytes.h"
#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  for (const size_t bytes_max : {size_t{7}, size_t{512}}) {
    const std::string clean = CleanText(AsText({data, size}), bytes_max);
    HW_CHECK(clean.size() <= bytes_max && IsUtf8(clean));
    HW_CHECK(CleanText(clean, bytes_max) == clean);
    for (const char c : clean) HW_CHECK(static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
  }
  return 0;
}
