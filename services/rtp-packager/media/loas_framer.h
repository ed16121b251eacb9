#pragma once

#include <memory>
#include <string_view>

#include "services/rtp-packager/media/framer.h"

namespace headwater {

// AAC in LATM, framed as LOAS (ISO 14496-3 section 1.7.2). Each frame is an access unit as ADTS
// would hold it. What stands in front of the first config is passed over, as it cannot be decoded;
// so are elements that are broken. Several programs or layers, and configs that RFC 3640 as we send
// it has no place for, are unsupported(). `content_type` is fit for an error's text.
std::unique_ptr<Framer> MakeLoasFramer(std::string_view content_type, const FramerOptions& options);

}  // namespace headwater
