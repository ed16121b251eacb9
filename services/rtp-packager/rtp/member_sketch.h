#pragma once

#include <bitset>
#include <cstdint>

#include "services/common/time/mono_time.h"
#include "services/rtp-packager/rtp/rtp_types.h"

namespace headwater {

// Estimates how many distinct SSRCs were seen lately, in 1 kB whatever their number: linear
// counting over two alternating windows. Within a few per cent up to some 10 000, saturating near
// 34 000.
class MemberSketch {
 public:
  void Add(Ssrc ssrc);
  // Ends the current window; what was not added since the last two calls is forgotten.
  void Rotate();
  uint32_t Estimate() const;

 private:
  static constexpr size_t kBits = 4096;
  std::bitset<kBits> current_;
  std::bitset<kBits> previous_;
};

}  // namespace headwater
