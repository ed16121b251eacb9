// Ogg in hostile pieces; its checksums are put right, which no fuzzer would guess.
#include <vector>

#include "services/rtp-packager/media/framer_fuzz_drive.h"
#include "services/rtp-packager/media/ogg_page.h"

namespace headwater {

void FuzzOgg(Bytes bytes) {
  std::vector<uint8_t> mended(bytes.begin(), bytes.end());
  for (size_t at = 1; at < mended.size();) {
    const auto page = OggPageView::Parse(Bytes(mended).subspan(at));
    if (!page.ok()) {
      ++at;
      continue;
    }
    const uint32_t checksum = OggChecksum(Bytes(mended).subspan(at, page->size));
    for (size_t i = 0; i < 4; ++i) mended[at + 22 + i] = static_cast<uint8_t>(checksum >> (8 * i));
    at += page->size;
  }
  FuzzFramer(mended);
}

}  // namespace headwater

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwater::FuzzOgg({data, size});
  return 0;
}
