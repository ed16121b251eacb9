#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/wire/bit_reader.h"
#include "services/rtp-packager/media/aac_config.h"

namespace headwater {

enum class LatmStep : uint8_t {
  kUnits,        // units() are the element's, maybe none
  kNoConfig,     // it leans on a config that has not come yet
  kBroken,       // cut off, or against the syntax
  kUnsupported,  // unsupported() says why
};

struct LatmConfig {
  AacConfig aac;
  size_t sub_frames = 1;  // access units in an element, at most 64
};

// The StreamMuxConfig (table 1.42) that an AudioMuxElement, cut off or not, begins with. Nothing:
// none, or it is broken. What is behind an `unsupported` is not read.
std::optional<LatmConfig> ReadLatmConfig(BitReader& element);

// Takes AAC access units out of AudioMuxElements with in-band config (ISO 14496-3 section 1.7.3),
// one program of one layer, of audioMuxVersion 0 and 1. Bounded by the element's size and 64 units.
class LatmReader {
 public:
  LatmStep Read(Bytes element);

  // After kUnits. The format is that of the last config.
  const AudioFormat& format() const { return config_.aac.format; }
  size_t unit_count() const { return unit_count_; }
  Bytes unit(size_t index) const { return units_[index]; }
  const char* unsupported() const { return config_.aac.unsupported; }

 private:
  bool ReadUnits(BitReader& reader);

  bool has_config_ = false;
  LatmConfig config_;

  // Reused: the first unit_count_ are valid.
  std::vector<std::vector<uint8_t>> units_;
  size_t unit_count_ = 0;
};

}  // namespace headwater
