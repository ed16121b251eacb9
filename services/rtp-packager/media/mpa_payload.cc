#include "services/rtp-packager/media/mpa_payload.h"

#include "services/common/wire/byte_writer.h"

namespace headwater {
namespace {

constexpr size_t kHeadSize = 4;

// RFC 2250 section 3.5: 16 bits of zero, then where in its frame the data begins; whole frames
// begin at 0.
void WriteMpaHead(size_t offset, std::vector<uint8_t>& out) {
  ByteWriter writer(out);
  writer.U16(0);
  writer.U16(static_cast<uint16_t>(offset));
}

}  // namespace

size_t MpaPayloader::HeadSize(size_t) const { return kHeadSize; }

void MpaPayloader::WriteHead(const std::vector<size_t>&, std::vector<uint8_t>& out) const {
  WriteMpaHead(0, out);
}

void MpaPayloader::WriteFragmentHead(size_t, size_t offset, std::vector<uint8_t>& out) const {
  WriteMpaHead(offset, out);
}

bool MpaPayloader::Marker(bool, bool first) const { return first; }

}  // namespace headwater
