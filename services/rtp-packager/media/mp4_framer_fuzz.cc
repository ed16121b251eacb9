#include "services/rtp-packager/media/framer_fuzz_drive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwater::FuzzFramer({data, size});
  return 0;
}
