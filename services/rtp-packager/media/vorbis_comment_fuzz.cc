// A comment header of any bytes: its title must be clean text within its limit.
#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/media/vorbis_comment.h"

namespace headwater {

void FuzzVorbisComment(Bytes bytes) {
  const StreamTitle title = ParseVorbisComment(bytes);
  HW_CHECK(title.title.size() <= kTitleBytesMax && title.url.empty());
  HW_CHECK(CleanText(title.title, kTitleBytesMax) == title.title && IsUtf8(title.title));
}

}  // namespace headwater

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwater::FuzzVorbisComment({data, size});
  return 0;
}
