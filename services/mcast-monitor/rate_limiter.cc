#include "services/mcast-monitor/rate_limiter.h"

#include <algorithm>
#include <chrono>

namespace headwater::monitor {
namespace {

// One address is told at most so often; a forger cannot have others flooded with it.
constexpr Duration kTellInterval = 5s;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

RateLimiter::Verdict RateLimiter::Ask(const IpAddress& source, MonoTime now) {
  Source& asker = Find(source, now);
  const double gained = Seconds(now - asker.seen) / Seconds(options_.interval);
  asker.tokens = std::min<double>(options_.burst, asker.tokens + gained);
  asker.seen = now;
  const bool often = asker.tokens < 1;
  if (often && asker.told != MonoTime::min() && now - asker.told < kTellInterval) {
    return Verdict::kSilent;
  }
  // Only what is sent counts: one that asks without end takes nothing from the others.
  if (!TakeTotal(now)) return Verdict::kSilent;
  if (!often) {
    asker.tokens -= 1;
    return Verdict::kAnswer;
  }
  asker.told = now;
  return Verdict::kTell;
}

bool RateLimiter::TakeTotal(MonoTime now) {
  const double most = options_.total_per_second;
  total_tokens_ = total_seen_ == MonoTime::min()
                      ? most
                      : std::min(most, total_tokens_ + Seconds(now - total_seen_) * most);
  total_seen_ = now;
  if (total_tokens_ < 1) return false;
  total_tokens_ -= 1;
  return true;
}

RateLimiter::Source& RateLimiter::Find(const IpAddress& address, MonoTime now) {
  if (const auto found = by_address_.find(address); found != by_address_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return order_.front();
  }
  while (!order_.empty() && order_.size() >= options_.sources_max) {
    by_address_.erase(order_.back().address);
    order_.pop_back();
  }
  order_.push_front(
      {.address = address, .tokens = static_cast<double>(options_.burst), .seen = now});
  by_address_[address] = order_.begin();
  return order_.front();
}

}  // namespace headwater::monitor
