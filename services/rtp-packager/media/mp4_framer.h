#pragma once

#include <memory>
#include <string_view>

#include "services/rtp-packager/media/framer.h"

namespace headwater {

// AAC and Opus in ISO base media: fragments (ISO 14496-12 section 8.8, CMAF), as HLS and DASH have
// them, and files whose index comes first. Only the first track of sound is looked at. A later
// movie box (another initialisation segment) may bring another format; titles come by ID3 event
// messages. A track of another codec is unsupported(), as is MP3.
//
// It holds what one Push brought, one frame, and a box that it must see whole: 4 MiB of an index,
// larger ones are an error; 64 KiB of an event message, larger ones are skipped.
std::unique_ptr<Framer> MakeMp4Framer(std::string_view content_type, const FramerOptions& options);

}  // namespace headwater
