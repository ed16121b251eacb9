#include "services/rtp-packager/media/aac_payload.h"

#include "services/common/base/check.h"
#include "services/common/wire/byte_writer.h"

namespace headwater {
namespace {

constexpr size_t kAuSizeMax = 8191;

// 13 bits of size; index and index delta are 0: nothing is interleaved.
void WriteAuHeader(size_t size, ByteWriter& writer) {
  HW_CHECK(size <= kAuSizeMax);
  writer.U16(static_cast<uint16_t>(size << 3));
}

}  // namespace

size_t AacPayloader::HeadSize(size_t frames) const { return 2 + 2 * frames; }

// RFC 3640 section 3.2.1: the length of all AU headers in bits, then the headers.
void AacPayloader::WriteHead(const std::vector<size_t>& frame_sizes,
                             std::vector<uint8_t>& out) const {
  ByteWriter writer(out);
  writer.U16(static_cast<uint16_t>(16 * frame_sizes.size()));
  for (const size_t size : frame_sizes) WriteAuHeader(size, writer);
}

// Section 3.2.3: each fragment has the header of its access unit, with the whole size; RTP
// timestamp and marker tell that they belong together.
void AacPayloader::WriteFragmentHead(size_t frame_size, size_t, std::vector<uint8_t>& out) const {
  ByteWriter writer(out);
  writer.U16(16);
  WriteAuHeader(frame_size, writer);
}

bool AacPayloader::Marker(bool complete, bool) const { return complete; }

}  // namespace headwater
