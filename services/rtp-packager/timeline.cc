#include "services/rtp-packager/timeline.h"

#include <algorithm>

#include "services/common/base/check.h"

namespace headwater::packager {
namespace {

constexpr int64_t kMillion = 1'000'000;
// Correction asked for a reserve that is one second off its aim.
constexpr int64_t kPpmPerSecond = 100;

// value * (1 + ppm/10^6) and its inverse, exact to a nanosecond and safe from overflow for a year:
// only the difference is multiplied.
Duration Faster(Duration value, int ppm) { return value + value * ppm / kMillion; }
Duration Slower(Duration value, int ppm) { return value - value * ppm / (kMillion + ppm); }

}  // namespace

void Timeline::Start(MonoTime when, Duration media, Duration burst, unsigned speed) {
  HW_CHECK(speed >= 1);
  started_ = true;
  speed_ = speed;
  media_ = media + burst;
  when_ = when + burst / speed;
  lead_ = burst - burst / speed;
}

MonoTime Timeline::SendTime(Duration media) const {
  HW_CHECK(started_);
  if (media < media_) return when_ - (media_ - media) / speed_;
  return when_ + Slower(media - media_, rate_ppm_);
}

MonoTime Timeline::PlayTime(Duration media) const {
  return media < media_ ? when_ + lead_ - (media_ - media) : SendTime(media) + lead_;
}

Duration Timeline::At(MonoTime now) const {
  HW_CHECK(started_);
  if (now < when_) return media_ - (when_ - now) * speed_;
  return media_ + Faster(now - when_, rate_ppm_);
}

void Timeline::Shift(MonoTime now, Duration media) {
  HW_CHECK(started_);
  const MonoTime planned = SendTime(media);
  if (planned < now) when_ += now - planned;
}

void Timeline::SetRate(MonoTime now, int ppm) {
  ppm = std::clamp(ppm, -kRateMaxPpm, kRateMaxPpm);
  if (!started_ || ppm == rate_ppm_) return;
  // The line turns about the present, so that nothing jumps.
  if (now > when_) {
    media_ = At(now);
    when_ = now;
    speed_ = 1;
  }
  rate_ppm_ = ppm;
}

void DriftControl::Reset() { *this = DriftControl(); }

bool DriftControl::OnDepth(MonoTime now, Duration depth) {
  if (!open_) {
    open_ = true;
    window_end_ = now + kWindow;
    low_ = depth;
    return false;
  }
  low_ = std::min(low_, depth);
  if (now < window_end_) return false;
  const Duration low = low_;
  low_ = depth;
  window_end_ = now + kWindow;
  if (!has_aim_) {
    has_aim_ = true;
    aim_ = low;
    return false;
  }
  const int64_t off_ms = std::chrono::duration_cast<std::chrono::milliseconds>(low - aim_).count();
  const int64_t ppm = std::clamp<int64_t>(off_ms * kPpmPerSecond / 1000, -Timeline::kRateMaxPpm,
                                          Timeline::kRateMaxPpm);
  if (ppm == rate_ppm_) return false;
  rate_ppm_ = static_cast<int>(ppm);
  return true;
}

}  // namespace headwater::packager
