#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/base/check.h"
#include "services/membership-watcher/wire/mld.h"

// Any bytes: parse, and a query that parses is written again in no more bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater::membership;  // NOLINT: one function
  const auto message = ParseMld({data, size});
  if (!message.ok()) return 0;
  const auto* query = std::get_if<Query>(&message->body);
  if (query == nullptr) return 0;
  std::vector<uint8_t> out;
  SerializeMldQuery(*query, message->from, message->to, out);
  HW_CHECK(out.size() <= size);
  return 0;
}
