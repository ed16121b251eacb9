#pragma once

#include <cstddef>
#include <cstdint>

namespace headwater::packager {

struct TranscoderPoolOptions {
  // Transcoded streams at once, those that are being stopped included; then there is no further
  // one. 0: eight for each CPU.
  size_t transcoders_max = 0;
  // Of what is made, where nothing else is announced.
  uint32_t bits_per_second = 128000;
};

}  // namespace headwater::packager
