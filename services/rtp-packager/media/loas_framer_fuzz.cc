// LOAS in hostile pieces, and what a config of any bytes says.
#include "services/rtp-packager/media/aac_config.h"
#include "services/rtp-packager/media/framer_fuzz_drive.h"

namespace headwater {

void FuzzLoas(Bytes bytes) {
  FuzzFramer(bytes);
  const std::optional<AacConfig> config = ParseAacConfig(bytes);
  if (!config.has_value() || config->unsupported != nullptr) return;
  // What the core's config says is the same again.
  const std::optional<AacConfig> again = ParseAacConfig(WriteAacConfig(config->format));
  HW_CHECK(again.has_value() && again->unsupported == nullptr);
  HW_CHECK(ToRtpFormat(again->format).SameAnnouncement(ToRtpFormat(config->format)));
}

}  // namespace headwater

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwater::FuzzLoas({data, size});
  return 0;
}
