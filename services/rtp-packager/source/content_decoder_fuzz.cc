#include <algorithm>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/rtp-packager/source/content_decoder.h"

// The first byte chooses the encoding and the size of the chunks.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  if (size == 0) return 0;
  ContentDecoder decoder(data[0] % 2 == 0 ? "gzip" : "deflate");
  const size_t chunk = 1 + data[0] / 2;
  size_t given = 0;
  for (Bytes body = Bytes(data, size).subspan(1); !body.empty();
       body = body.subspan(std::min(chunk, body.size()))) {
    Bytes input = body.first(std::min(chunk, body.size()));
    while (true) {
      const auto piece = decoder.Take(input);
      if (!piece.ok()) return 0;
      if (piece->empty()) break;
      given += piece->size();
    }
    HW_CHECK(input.empty());
  }
  HW_CHECK(given <= ContentDecoder::kFreeBytesMax + ContentDecoder::kRatioMax * size);
  return 0;
}
