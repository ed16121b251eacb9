#pragma once

#include <cstdint>
#include <random>

#include "services/common/time/mono_time.h"

namespace headwater::membership {

// When a router of one family on one link advertises itself (RFC 4286 section 4): three times soon
// after it starts, then at random between three quarters of the interval and the interval, and when
// it is solicited. Pure and not thread-safe.
class RouterDiscovery {
 public:
  RouterDiscovery(Duration interval, uint64_t seed) : interval_(interval), random_(seed) {}

  // 0: never.
  void SetInterval(Duration interval, MonoTime now);
  // Whether there is an address to advertise from.
  void SetActive(bool active, MonoTime now);
  void OnSolicitation(MonoTime now);
  // Whether an advertisement is to be sent now.
  bool OnTime(MonoTime now);
  MonoTime NextDeadline() const { return next_; }
  bool advertising() const { return active_ && interval_ > 0s; }

 private:
  Duration Random(Duration from, Duration to);
  void Begin(MonoTime now);

  Duration interval_;
  std::mt19937_64 random_;
  bool active_ = false;
  int initial_left_ = 0;
  MonoTime next_ = kNever;
};

}  // namespace headwater::membership
