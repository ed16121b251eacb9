#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/base/check.h"
#include "services/membership-watcher/wire/mdb.h"

// Any bytes: what is decoded is no more than the message can hold, and merges into as much at most.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater::membership;  // NOLINT: one function
  std::vector<MdbRow> rows;
  (void)DecodeMdb({data, size}, rows);
  // Each row has a header and an entry of its own, each source a nest with an address.
  HW_CHECK(rows.size() * 32 <= size);
  for (const MdbRow& row : rows) {
    HW_CHECK(row.record.group.IsMulticast());
    HW_CHECK(row.record.sources.size() * 12 <= size);
    HW_CHECK(Merge(rows, row.bridge).size() <= rows.size());
    if (&row - rows.data() > 4) break;
  }
  return 0;
}
