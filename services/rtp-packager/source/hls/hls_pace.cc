#include "services/rtp-packager/source/hls/hls_pace.h"

#include <algorithm>

namespace headwater {
namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

HlsPace::Verdict HlsPace::OnSegment(Duration took, Duration lasts, Duration target, bool held,
                                    double dearer, MonoTime now) {
  if (held || took <= lasts + lasts / 4) {
    slow_ = 0;
    behind_ = {};
    const bool fast = held || Seconds(took) * 2 * dearer <= Seconds(lasts);
    if (dearer == 0 || !fast) calm_since_ = now;
    return now - calm_since_ >= calm_ ? Verdict::kDearer : Verdict::kKeep;
  }
  calm_since_ = now;
  ++slow_;
  behind_ += took - lasts;
  speed_ = Seconds(lasts) / Seconds(took);
  return behind_ >= (slow_ > 1 ? target / 2 : 2 * target) ? Verdict::kCheaper : Verdict::kKeep;
}

void HlsPace::OnChange(Verdict verdict, MonoTime now) {
  slow_ = 0;
  behind_ = {};
  calm_since_ = now;
  if (verdict == Verdict::kCheaper) calm_ = std::min(2 * calm_, kCalmMax);
}

}  // namespace headwater
