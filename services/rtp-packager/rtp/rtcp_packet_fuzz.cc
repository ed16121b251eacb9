#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/rtp-packager/rtp/rtcp_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  const auto packets = ParseRtcp({data, size});
  if (!packets.ok()) return 0;
  HW_CHECK(packets->size() <= kRtcpPacketsMax && !packets->empty());
  // What was understood survives its own writing.
  std::vector<uint8_t> bytes;
  for (const RtcpPacket& packet : *packets) {
    SerializeTo(packet, bytes);
    HW_CHECK(!ToString(packet).empty());
  }
  const auto again = ParseRtcp(bytes);
  HW_CHECK(again.ok() && *again == *packets);
  return 0;
}
