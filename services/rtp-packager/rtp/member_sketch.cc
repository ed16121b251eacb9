#include "services/rtp-packager/rtp/member_sketch.h"

#include <cmath>

namespace headwater {

void MemberSketch::Add(Ssrc ssrc) {
  // The finalizer of SplitMix64: SSRCs ought to be random, but those of a flood need not be.
  uint64_t hash = static_cast<uint64_t>(ssrc) + 0x9e3779b97f4a7c15;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  current_.set(static_cast<size_t>(hash >> 52));
}

void MemberSketch::Rotate() {
  previous_ = current_;
  current_.reset();
}

uint32_t MemberSketch::Estimate() const {
  const size_t set = (current_ | previous_).count();
  if (set == 0) return 0;
  // With every bit set the estimate would be infinite: answer as for one bit left.
  const double zeros = static_cast<double>(set < kBits ? kBits - set : 1);
  const double bits = static_cast<double>(kBits);
  return static_cast<uint32_t>(std::lround(-bits * std::log(zeros / bits)));
}

}  // namespace headwater
