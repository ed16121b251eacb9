#include "services/membership-watcher/record_rate.h"

#include <algorithm>

namespace headwater::membership {
namespace {

constexpr size_t kHostsMax = 65536;
constexpr Duration kBurst = 1s;
constexpr Duration kSweepInterval = 1s;

}  // namespace

MonoTime& RecordRate::FullAt(const IpAddress& host, MonoTime now) {
  if (auto found = full_at_.find(host); found != full_at_.end()) return found->second;
  if (full_at_.size() >= kHostsMax && swept_ <= now) {
    swept_ = now + kSweepInterval;
    absl::erase_if(full_at_, [&](const auto& entry) { return entry.second <= now; });
  }
  if (full_at_.size() >= kHostsMax) return shared_full_at_;
  return full_at_[host];
}

bool RecordRate::Take(const IpAddress& host, MonoTime now) {
  MonoTime& full_at = FullAt(host, now);
  const MonoTime next = std::max(full_at, now) + cost_;
  if (next > now + kBurst) return false;
  full_at = next;
  return true;
}

}  // namespace headwater::membership
