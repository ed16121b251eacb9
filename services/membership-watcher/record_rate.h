#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"

namespace headwater::membership {

// How many records each host of a link may send: so many a second, and as many at once. Remembers
// 65,536 hosts; while more than that are busy at once, those beyond share one allowance. Pure and
// not thread-safe.
class RecordRate {
 public:
  explicit RecordRate(uint32_t per_second) : cost_(Duration(1s) / per_second) {}

  void Set(uint32_t per_second) { cost_ = Duration(1s) / per_second; }
  // Takes one from the host's allowance; false when nothing is left.
  bool Take(const IpAddress& host, MonoTime now);

 private:
  MonoTime& FullAt(const IpAddress& host, MonoTime now);

  Duration cost_;
  // When each host's allowance will be whole again.
  absl::flat_hash_map<IpAddress, MonoTime> full_at_;
  MonoTime shared_full_at_{};
  MonoTime swept_ = MonoTime::min();
};

}  // namespace headwater::membership
