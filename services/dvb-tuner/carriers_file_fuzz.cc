// A carriers file of any bytes: what is taken can be written and read again, and is the same.
#include <cstdint>

#include "services/common/base/bytes.h"
#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/dvb-tuner/carriers_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  using namespace headwater::tuner;
  const Positions positions = {.standard = "28.2E", .by_switch = {"28.2E", "19.2E"}};
  const CarriersFile file = CarriersFile::Parse(AsText({data, size}), positions);
  HW_CHECK(file.errors().size() <= CarriersFile::kErrorsMax + CarriersFile::kCarriersMax);
  for (const auto& error : file.errors()) HW_CHECK(error.line > 0 && !error.text.empty());
  if (!file.errors().empty()) {
    HW_CHECK(file.carriers().empty());
    return 0;
  }
  const CarriersFile again = CarriersFile::Parse(file.ToString(), positions);
  HW_CHECK(again.errors().empty() && again.carriers() == file.carriers());
  for (const Carrier& carrier : file.carriers()) {
    const auto same = ParseCarrier(carrier.Command(), positions);
    HW_CHECK(same.ok() && same->id == carrier.id && same->options == carrier.options);
    HW_CHECK(IsUtf8(carrier.name) && !carrier.Arguments().empty());
  }
  return 0;
}
