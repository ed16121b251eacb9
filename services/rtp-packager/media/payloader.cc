#include "services/rtp-packager/media/payloader.h"

#include "services/rtp-packager/media/aac_payload.h"
#include "services/rtp-packager/media/mpa_payload.h"

namespace headwater {

std::unique_ptr<Payloader> MakePayloader(AudioCodec codec, const PayloaderOptions& options) {
  if (codec == AudioCodec::kAac) return std::make_unique<AacPayloader>(options);
  return std::make_unique<MpaPayloader>(options);
}

}  // namespace headwater
