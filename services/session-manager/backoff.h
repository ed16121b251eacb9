#pragma once

#include <cstdint>
#include <random>

#include "services/session-manager/options.h"

namespace headwater::session_manager {

// Waits between retries: doubling, with 20 % of jitter to either side so that sessions that failed
// together do not come back together.
class Backoff {
 public:
  Backoff(const ReconcilerOptions& options, uint64_t seed);
  void SetOptions(const ReconcilerOptions& options);
  // `attempt` counts from 1.
  Duration Next(int attempt);

 private:
  Duration min_;
  Duration max_;
  std::mt19937_64 random_;
};

}  // namespace headwater::session_manager
