#include <cstdint>
#include <string>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/source/icy_splitter.h"

// First byte: interval; second: chunk size; the rest: the stream.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  if (size < 2) return 0;
  const size_t chunk = size_t{1} + data[1];
  IcySplitter splitter(data[0]);
  size_t media = 0;
  for (Bytes rest = Bytes(data, size).subspan(2); !rest.empty();) {
    Bytes input = rest.first(std::min(chunk, rest.size()));
    rest = rest.subspan(input.size());
    while (!input.empty()) {
      const size_t before = input.size();
      const auto piece = splitter.Take(input);
      HW_CHECK(input.size() < before);
      media += piece.media.size();
      if (piece.title) HW_CHECK(IsUtf8(piece.title->title) && piece.title->title.size() <= 512);
    }
  }
  HW_CHECK(media <= size);
  ParseIcyMetadata(AsText({data, size}));
  return 0;
}
