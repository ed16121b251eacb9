// Transport packets in hostile order: the first byte says how the rest is cut; packets without a
// sync byte get one, so that what lies behind it is reached, and sections their CRC.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "services/common/base/check.h"
#include "services/common/mpegts/section.h"
#include "services/rtp-packager/media/ts_framer.h"

namespace headwater {
namespace {

constexpr size_t kPointerAt = 4;

// A section that begins and ends within this packet.
void MendCrc(std::span<uint8_t> packet) {
  if ((packet[1] & 0x40) == 0 || (packet[3] & 0x30) != 0x10) return;
  const size_t start = kPointerAt + 1 + packet[kPointerAt];
  if (start + 3 > packet.size()) return;
  const size_t size = 3 + ((packet[start + 1] & 0x0fu) << 8 | packet[start + 2]);
  if (size < 12 || start + size > packet.size()) return;
  const uint32_t crc = mpegts::Crc32(Bytes(packet).subspan(start, size - 4));
  for (size_t i = 0; i < 4; ++i) {
    packet[start + size - 4 + i] = static_cast<uint8_t>(crc >> (24 - 8 * i));
  }
}

void FuzzTsFramer(Bytes bytes) {
  if (bytes.empty()) return;
  const size_t chunk = size_t{bytes[0]} * 16 + 1;
  std::vector<uint8_t> stream(bytes.begin() + 1, bytes.end());
  for (size_t i = 0; i + mpegts::kPacketSize <= stream.size(); i += mpegts::kPacketSize) {
    if (stream[i] == 0xff) stream[i] = mpegts::kSync;
    if (stream[i] == mpegts::kSync) MendCrc(std::span(stream).subspan(i, mpegts::kPacketSize));
  }
  const auto framer = MakeTsFramer("", {.garbage_max = 4096, .tag_max = 65536});
  size_t frame_bytes = 0;
  bool finished = false;
  for (Bytes rest = stream; !finished;) {
    const size_t step = std::min(chunk, rest.size());
    finished = step == 0;
    if (finished) framer->Finish();
    if (!finished) framer->Push(rest.first(step));
    rest = rest.subspan(step);
    FramerStep next;
    while ((next = framer->Next()) != FramerStep::kNeedBytes) {
      if (next == FramerStep::kFrame) frame_bytes += framer->frame().bytes.size();
      if (next == FramerStep::kFormat) HW_CHECK(framer->format().sample_rate != 0);
      if (next == FramerStep::kError) {
        HW_CHECK(!framer->error().empty());
        return;
      }
    }
  }
  HW_CHECK(frame_bytes + framer->skipped_total() <= stream.size());
}

}  // namespace
}  // namespace headwater

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwater::FuzzTsFramer({data, size});
  return 0;
}
