#include "services/session-manager/backoff.h"

#include <algorithm>

namespace headwater::session_manager {

Backoff::Backoff(const ReconcilerOptions& options, uint64_t seed)
    : min_(options.retry_min), max_(options.retry_max), random_(seed) {}

void Backoff::SetOptions(const ReconcilerOptions& options) {
  min_ = options.retry_min;
  max_ = options.retry_max;
}

Duration Backoff::Next(int attempt) {
  const int doublings = std::clamp(attempt - 1, 0, 30);
  Duration wait = min_;
  for (int i = 0; i < doublings && wait < max_; ++i) wait *= 2;
  wait = std::min(wait, max_);
  const double unit = static_cast<double>(random_() >> 11) * 0x1p-53;
  return std::chrono::duration_cast<Duration>(wait * (0.8 + 0.4 * unit));
}

}  // namespace headwater::session_manager
