#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/wire/bit_reader.h"
#include "services/rtp-packager/media/audio_format.h"

namespace headwater {

// What an AudioSpecificConfig (ISO 14496-3 section 1.6.2.1) says, in LATM, MP4's esds and RFC 3640.
struct AacConfig {
  AudioFormat format;
  const char* unsupported = nullptr;  // it is one, but why its frames cannot be sent
};

// HE-AAC is told in its three ways: object type 5 or 29, the extension behind an LC config (which
// decoders that do not know it pass over), or not at all. Nothing: it is cut off, or has reserved
// values.
std::optional<AacConfig> ParseAacConfig(Bytes config);

// The same where it stands among other fields and no length tells its end (LATM's version 0): read
// to its last bit, without the extension.
std::optional<AacConfig> ParseAacConfig(BitReader& reader);

// The config of the core alone: two bytes.
std::vector<uint8_t> WriteAacConfig(const AudioFormat& format);

}  // namespace headwater
