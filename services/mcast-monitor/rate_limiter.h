#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <list>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"

namespace headwater::monitor {

struct RateOptions {
  // So many requests of one address at once, then one each `interval`.
  uint32_t burst = 8;
  Duration interval = 2s;
  // Of all addresses together in a second: whoever forges sources gets no more out of us.
  uint32_t total_per_second = 2000;
  // Addresses remembered; the one that was heard longest ago is forgotten for a new one.
  size_t sources_max = 4096;
  bool operator==(const RateOptions&) const = default;
};

// Who asks too often. Pure; one thread.
class RateLimiter {
 public:
  enum class Verdict {
    kAnswer,
    // Too often: to be told so.
    kTell,
    // Too often, and told a short while ago; or all together ask too often.
    kSilent,
  };

  explicit RateLimiter(const RateOptions& options) : options_(options) {}
  void set_options(const RateOptions& options) { options_ = options; }

  Verdict Ask(const IpAddress& source, MonoTime now);
  size_t sources() const { return order_.size(); }

 private:
  struct Source {
    IpAddress address;
    double tokens;
    MonoTime seen;
    MonoTime told = MonoTime::min();
  };

  bool TakeTotal(MonoTime now);
  Source& Find(const IpAddress& address, MonoTime now);

  RateOptions options_;
  // The newest first.
  std::list<Source> order_;
  absl::flat_hash_map<IpAddress, std::list<Source>::iterator> by_address_;
  double total_tokens_ = 0;
  MonoTime total_seen_ = MonoTime::min();
};

}  // namespace headwater::monitor
