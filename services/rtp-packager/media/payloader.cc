#include "services/rtp-packager/media/payloader.h"

#include "services/rtp-packager/media/aac_payload.h"
#include "services/rtp-packager/media/mpa_payload.h"
#include "services/rtp-packager/media/opus_payload.h"

namespace headwater {

std::unique_ptr<Payloader> MakePayloader(AudioCodec codec, const PayloaderOptions& options) {
  switch (codec) {
    case AudioCodec::kAac:
      return std::make_unique<AacPayloader>(options);
    case AudioCodec::kOpus:
      return std::make_unique<OpusPayloader>(options);
    case AudioCodec::kMpegAudio:
      break;
  }
  return std::make_unique<MpaPayloader>(options);
}

}  // namespace headwater
