#pragma once

#include <absl/time/time.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "services/common/log/logger.h"
#include "services/common/rpc/control_tls.h"
#include "services/common/time/mono_time.h"

namespace prometheus {
class Counter;
class Gauge;
}  // namespace prometheus

namespace headwater {

// What is told of the control leg's TLS: a counter and a line in the log for each refusal, and
// until when the certificates are good.
class ControlMetrics {
 public:
  ControlMetrics(prometheus::Registry& registry, Logger& log);

  // On any thread. Each kind of refusal is logged once a second at most, with how many were not.
  void OnRefusal(const ControlRefusal& refusal);
  // Reads the files; logs a certificate that is not the one of the last time.
  void UpdateExpiry(const ControlTls& tls);

 private:
  struct Kind {
    prometheus::Counter* count = nullptr;
    MonoTime logged{};
    uint64_t unlogged = 0;
  };
  void SetExpiry(const char* certificate, const absl::StatusOr<Validity>& validity);

  Logger& log_;
  prometheus::Family<prometheus::Gauge>& expiry_;
  // Of the last time, by what is told in the label.
  std::map<std::string, absl::Time> until_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::pair<PeerSide, Refusal>, Kind> kinds_;
};

}  // namespace headwater
