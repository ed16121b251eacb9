#pragma once

#include "services/common/time/mono_time.h"

namespace headwater::packager {

// When which media is sent: a line from media position (time since the stream's first frame) to our
// clock. It starts with an optional burst (steeper for the first bit), is shifted when media came
// too late (then everything after is later too: the reserve has become larger), and its slope
// follows the source's clock within +-kRateMax. Pure arithmetic.
class Timeline {
 public:
  // Listeners hear no such difference, and no clock that works is that wrong (RTP senders are
  // within 200 ppm).
  static constexpr int kRateMaxPpm = 300;

  // Media from `media` on is sent from `when` on; the first `burst` of it at `speed` times its
  // pace.
  void Start(MonoTime when, Duration media, Duration burst, unsigned speed);
  bool started() const { return started_; }

  MonoTime SendTime(Duration media) const;
  // When it is heard by a listener that hears the first media when it comes: the burst runs ahead
  // of this, by a constant once it is over.
  MonoTime PlayTime(Duration media) const;
  // What is due at `now`, the inverse of SendTime.
  Duration At(MonoTime now) const;
  // `media` could not be sent before `now`: everything from it on is later by what was lost.
  void Shift(MonoTime now, Duration media);
  // Positive: faster than our clock. Clamped.
  void SetRate(MonoTime now, int ppm);
  int rate_ppm() const { return rate_ppm_; }

 private:
  bool started_ = false;
  // Normal pace passes through (when_, media_); before media_, the burst with its own slope.
  MonoTime when_{};
  Duration media_{};
  unsigned speed_ = 1;
  Duration lead_{};
  int rate_ppm_ = 0;
};

// Finds the rate that keeps a reserve from running dry or over while the source's clock is not
// ours. Told the queue's depth at each send, it takes the minimum of each window (lumps move the
// depth, drift moves its minimum) and asks for correction in proportion to what the reserve has
// lost or gained. The first window sets the aim.
class DriftControl {
 public:
  static constexpr Duration kWindow = 10s;

  // Forgets all: the source was opened anew, or the timeline was shifted.
  void Reset();
  // Returns whether rate_ppm() has changed.
  bool OnDepth(MonoTime now, Duration depth);
  int rate_ppm() const { return rate_ppm_; }

 private:
  bool open_ = false;
  bool has_aim_ = false;
  MonoTime window_end_{};
  Duration low_{};
  Duration aim_{};
  int rate_ppm_ = 0;
};

}  // namespace headwater::packager
