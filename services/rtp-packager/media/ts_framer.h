#pragma once

#include <memory>
#include <string_view>

#include "services/rtp-packager/media/framer.h"

namespace headwater {

// Audio in an MPEG transport stream (ISO 13818-1), live or in HLS segments one after the other:
// wherever packets begin, whatever tables, PIDs, counters and clocks do from one segment to the
// next. Timestamps are not looked at: frames follow one another. Titles: ID3 tags of stream type
// 0x15. What is sent and what is not: ts_program.h; an error when there is nothing within
// 4 MiB, or when the audio stays scrambled.
std::unique_ptr<Framer> MakeTsFramer(std::string_view content_type, const FramerOptions& options);

}  // namespace headwater
