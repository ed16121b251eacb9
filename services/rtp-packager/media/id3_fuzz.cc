// An ID3v2 tag of any bytes: its title must be clean text within its limit.
#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/media/id3_tag.h"

namespace headwater {

void FuzzId3(Bytes bytes) {
  const std::optional<StreamTitle> title = ParseId3Title(bytes);
  if (!title.has_value()) return;
  HW_CHECK(Id3TagSize(bytes).has_value());
  HW_CHECK(!title->title.empty() && title->title.size() <= kTitleBytesMax);
  HW_CHECK(CleanText(title->title, kTitleBytesMax) == title->title && IsUtf8(title->title));
}

}  // namespace headwater

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwater::FuzzId3({data, size});
  return 0;
}
