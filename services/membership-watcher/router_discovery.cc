#include "services/membership-watcher/router_discovery.h"

#include <algorithm>

namespace headwater::membership {
namespace {

// RFC 4286 section 4.1.
constexpr int kInitialAdvertisements = 3;
constexpr Duration kInitialIntervalMax = 2s;
constexpr Duration kResponseDelayMax = 2s;

}  // namespace

Duration RouterDiscovery::Random(Duration from, Duration to) {
  return Duration(std::uniform_int_distribution<Duration::rep>(from.count(), to.count())(random_));
}

void RouterDiscovery::Begin(MonoTime now) {
  initial_left_ = kInitialAdvertisements;
  next_ = advertising() ? now + Random(0s, kInitialIntervalMax) : kNever;
}

void RouterDiscovery::SetInterval(Duration interval, MonoTime now) {
  if (interval == interval_) return;
  interval_ = interval;
  Begin(now);
}

void RouterDiscovery::SetActive(bool active, MonoTime now) {
  if (active == active_) return;
  active_ = active;
  Begin(now);
}

void RouterDiscovery::OnSolicitation(MonoTime now) {
  if (advertising()) next_ = std::min(next_, now + Random(0s, kResponseDelayMax));
}

bool RouterDiscovery::OnTime(MonoTime now) {
  if (next_ > now) return false;
  Duration pause = Random(interval_ * 3 / 4, interval_);
  if (initial_left_ > 0 && --initial_left_ > 0) pause = std::min(pause, kInitialIntervalMax);
  next_ = now + pause;
  return true;
}

}  // namespace headwater::membership
