#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/rtp-packager/udp_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using headwater::packager::ParseUdpPacket;
  const headwater::Bytes bytes(data, size);
  const auto loose = ParseUdpPacket(bytes, true);
  const auto strict = ParseUdpPacket(bytes, false);
  // Whatever passes with its checksum passes without, and says the same.
  HW_CHECK(!strict || loose);
  if (loose) HW_CHECK(loose->group.IsMulticast() && loose->payload.size() <= size);
  return 0;
}
