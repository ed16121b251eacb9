#include "services/rtp-packager/rtp/media_clock.h"

#include "services/common/base/check.h"

namespace headwater {

MediaClock::MediaClock(uint32_t clock_rate, RtpTimestamp start)
    : clock_rate_(clock_rate), start_(start) {}

void MediaClock::Counter::Add(uint64_t units, uint32_t sample_rate) {
  const uint64_t sum = remainder + units;
  whole += static_cast<int64_t>(sum / sample_rate);
  remainder = sum % sample_rate;
}

void MediaClock::Advance(uint32_t samples, uint32_t sample_rate) {
  HW_CHECK(sample_rate != 0);
  if (sample_rate != sample_rate_) {
    // The remainders are fractions of the old rate; what rounding loses is below one tick a change.
    for (Counter* counter : {&ticks_, &nanos_}) {
      if (sample_rate_ != 0) counter->remainder = counter->remainder * sample_rate / sample_rate_;
    }
    sample_rate_ = sample_rate;
  }
  ticks_.Add(uint64_t{samples} * clock_rate_, sample_rate);
  nanos_.Add(uint64_t{samples} * 1'000'000'000, sample_rate);
}

}  // namespace headwater
