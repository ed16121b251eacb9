#pragma once

#include <absl/time/clock.h>
#include <absl/time/time.h>

#include "services/common/time/mono_time.h"

namespace headwater {

// One reading of both clocks, to carry times from one to the other: kernel timestamps and RPC times
// are wall time, cores count in MonoTime.
struct ClockPair {
  MonoTime mono;
  absl::Time wall;

  absl::Time ToWall(MonoTime time) const { return wall + absl::FromChrono(time - mono); }
  MonoTime ToMono(absl::Time time) const { return mono + absl::ToChronoNanoseconds(time - wall); }
};

inline MonoTime MonoNow() { return MonoClock::now(); }
inline absl::Time WallNow() { return absl::Now(); }
inline ClockPair ReadClocks() { return {MonoClock::now(), absl::Now()}; }

}  // namespace headwater
