#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/rtp-packager/rtp/rtp_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  const auto packet = RtpPacketView::Parse({data, size});
  if (!packet.ok()) return 0;
  HW_CHECK(packet->csrcs.size() + packet->extension_data.size() + packet->payload.size() <= size);
  // The header survives its own writing.
  std::vector<uint8_t> bytes;
  packet->header.SerializeTo(bytes);
  const auto again = RtpPacketView::Parse(bytes);
  HW_CHECK(again.ok() && again->header == packet->header);
  return 0;
}
