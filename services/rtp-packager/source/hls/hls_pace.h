#pragma once

#include "services/common/time/mono_time.h"

namespace headwater {

// Whether the variant that plays suits the way to its server, by how long segments take to come and
// how long they last. Slow: two segments in a row that took a quarter longer than they last, and
// together at least half a target duration (a server that sends a segment while it is being made
// takes as long as it lasts, and is not slow); or one that took two target durations longer. Fast:
// for `calm`, nothing but segments that would have come in half their time in the dearer variant.
// The calm doubles with each further change to a cheaper variant, up to an hour: a way that is good
// enough only while it is not used makes for ever rarer changes. Pure.
class HlsPace {
 public:
  enum class Verdict { kKeep, kCheaper, kDearer };

  // A segment has come, whole and at the first attempt. `held`: the listener kept it waiting, so
  // the server is faster than need be. `dearer`: how many times the bits the next dearer variant
  // has; 0 where there is none to go to.
  Verdict OnSegment(Duration took, Duration lasts, Duration target, bool held, double dearer,
                    MonoTime now);
  // Another variant plays; for the verdict, or (kKeep) for another reason.
  void OnChange(Verdict verdict, MonoTime now);

  // Of the last slow segment: how long it lasts for how long it took.
  double speed() const { return speed_; }

 private:
  static constexpr Duration kCalmMin = 5min;
  static constexpr Duration kCalmMax = 1h;

  int slow_ = 0;       // segments in a row
  Duration behind_{};  // what those took longer than they last
  double speed_ = 1;
  MonoTime calm_since_{};  // since when all have been fast
  Duration calm_ = kCalmMin / 2;
};

}  // namespace headwater
