#pragma once

#include <chrono>

namespace headwater {

// Protocol time. Tests begin at MonoTime{}; only services/common/time and services/common/loop read
// the clock. Wall time is absl::Time, so that the two cannot be mixed.
using MonoClock = std::chrono::steady_clock;
using MonoTime = MonoClock::time_point;
using Duration = MonoClock::duration;

using namespace std::chrono_literals;  // NOLINT: 5s and 20ms are the point of this header

// "Nothing to wait for."
inline constexpr MonoTime kNever = MonoTime::max();

}  // namespace headwater
