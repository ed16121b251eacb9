#include "services/sap-announcer/sap_packet.h"

#include <cstddef>
#include <cstdint>

using headwater::SapPacket;

// What was read can be written and says the same when it is read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto packet = SapPacket::Parse({data, size});
  if (!packet) return 0;
  std::vector<uint8_t> written;
  packet->SerializeTo(written);
  const auto again = SapPacket::Parse(written);
  HW_CHECK(again.ok() && *again == *packet);
  return 0;
}
