#include "services/sap-announcer/token_bucket.h"

#include <algorithm>

#include "services/common/base/check.h"

namespace headwater {
namespace {

constexpr uint64_t kScale = 1'000'000'000;
// Keeps every product below within 64 bits: 4 Gbit of depth.
constexpr uint64_t kBitsMax = UINT64_MAX / kScale / 4;

}  // namespace

TokenBucket::TokenBucket(uint64_t bits_per_second, uint64_t depth_bits, MonoTime now)
    : rate_(std::min(bits_per_second, kBitsMax)),
      depth_(std::min(depth_bits, kBitsMax) * kScale),
      level_(depth_),
      updated_(now) {
  HW_CHECK(rate_ > 0);
}

uint64_t TokenBucket::Level(MonoTime now) const {
  if (now <= updated_) return level_;
  const auto elapsed = static_cast<uint64_t>(std::chrono::nanoseconds(now - updated_).count());
  const uint64_t missing = depth_ - level_;
  return elapsed >= missing / rate_ + 1 ? depth_ : std::min(depth_, level_ + elapsed * rate_);
}

uint64_t TokenBucket::Scaled(uint64_t bits) const {
  return std::min(std::min(bits, kBitsMax) * kScale, depth_);
}

void TokenBucket::Drain(uint64_t bits, MonoTime now) {
  const uint64_t level = Level(now);
  level_ = level - std::min(level, Scaled(bits));
  updated_ = std::max(updated_, now);
}

bool TokenBucket::Take(uint64_t bits, MonoTime now) {
  const uint64_t level = Level(now);
  const uint64_t wanted = Scaled(bits);
  if (level < wanted) return false;
  level_ = level - wanted;
  updated_ = std::max(updated_, now);
  return true;
}

MonoTime TokenBucket::When(uint64_t bits, MonoTime now) const {
  const uint64_t level = Level(now);
  const uint64_t wanted = Scaled(bits);
  if (level >= wanted) return now;
  return now + std::chrono::nanoseconds((wanted - level + rate_ - 1) / rate_);
}

}  // namespace headwater
