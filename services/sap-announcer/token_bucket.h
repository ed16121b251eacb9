#pragma once

#include <cstdint>

#include "services/common/time/mono_time.h"

namespace headwater {

// A budget of bits that refills at a steady rate. Begins full. Exact: counts in bit-nanoseconds, so
// that no rounding accumulates.
class TokenBucket {
 public:
  // `depth_bits` is the most that may leave at once.
  TokenBucket(uint64_t bits_per_second, uint64_t depth_bits, MonoTime now);

  // Takes them if they are there. More than the depth, which never would be, counts as the depth.
  bool Take(uint64_t bits, MonoTime now);
  // Takes what there is of them: for what cannot wait.
  void Drain(uint64_t bits, MonoTime now);
  // When Take will succeed; `now` when at once.
  MonoTime When(uint64_t bits, MonoTime now) const;

 private:
  // Scaled by one second in nanoseconds.
  uint64_t Level(MonoTime now) const;
  uint64_t Scaled(uint64_t bits) const;

  uint64_t rate_;
  uint64_t depth_;
  uint64_t level_;
  MonoTime updated_;
};

}  // namespace headwater
