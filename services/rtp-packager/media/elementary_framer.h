#pragma once

#include <memory>
#include <string_view>

#include "services/rtp-packager/media/framer.h"

namespace headwater {

// Frames that follow one another without a container: MPEG audio, and AAC in ADTS. `content_type`
// is fit for an error's text.
std::unique_ptr<Framer> MakeElementaryFramer(std::string_view content_type,
                                             const FramerOptions& options);

}  // namespace headwater
