#pragma once

#include <cstdint>

#include "services/common/time/mono_time.h"
#include "services/rtp-packager/rtp/rtp_types.h"

namespace headwater {

// Where a frame stands on a session's timeline.
struct MediaTime {
  RtpTimestamp timestamp;
  Duration position{};  // since the timeline began

  bool operator==(const MediaTime&) const = default;
};

// Counts samples into RTP ticks and into time, both by integer remainder, so that hours of 44.1 kHz
// frames of 2351.02 ticks each do not drift. One clock lives as long as its session: it runs on
// through silence, a reopened source and a changed sample rate. Pure; no limits but 2^63 ns.
class MediaClock {
 public:
  // `clock_rate` in Hz (90000 for MPA); `start` is the random first timestamp (RFC 3550
  // section 5.1).
  MediaClock(uint32_t clock_rate, RtpTimestamp start);

  // Of the next sample.
  MediaTime now() const {
    return {start_ + static_cast<int64_t>(ticks_.whole), Duration(nanos_.whole)};
  }
  uint32_t clock_rate() const { return clock_rate_; }

  // `sample_rate` must not be 0.
  void Advance(uint32_t samples, uint32_t sample_rate);

 private:
  struct Counter {
    int64_t whole = 0;
    uint64_t remainder = 0;  // in 1/sample_rate_
    void Add(uint64_t units, uint32_t sample_rate);
  };

  uint32_t clock_rate_;
  RtpTimestamp start_;
  uint32_t sample_rate_ = 0;
  Counter ticks_;
  Counter nanos_;
};

}  // namespace headwater
