#pragma once

#include <memory>
#include <string_view>

#include "services/rtp-packager/media/framer.h"

namespace headwater {

// Opus in Ogg (RFC 7845). Each frame is one Opus packet, its samples as its first byte tells; what
// is no valid packet is dropped. A new chain link brings its title and, whatever its channels, no
// new format. Ogg with another codec, or with Opus of more than two channels, is unsupported().
//
// Pre-skip and a last granule that ends within a packet cannot be told in RTP: a listener hears the
// first few milliseconds of a link's encoder, and packets that lie wholly behind the last granule
// are left out. A header gain is not applied. `content_type` is fit for an error's text.
std::unique_ptr<Framer> MakeOggFramer(std::string_view content_type, const FramerOptions& options);

}  // namespace headwater
