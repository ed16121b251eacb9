#include "services/common/runtime/control_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include "services/common/base/absl_text.h"
#include "services/common/time/clock.h"

namespace headwater {
namespace {

// A stranger can try again as fast as it likes; the log says so slowly.
constexpr Duration kLogPeriod = 1s;

}  // namespace

ControlMetrics::ControlMetrics(prometheus::Registry& registry, Logger& log)
    : log_(log),
      expiry_(prometheus::BuildGauge()
                  .Name("headwater_control_certificate_expiry_timestamp_seconds")
                  .Help("Until when the certificate of the control leg is good.")
                  .Register(registry)) {
  auto& refused = prometheus::BuildCounter()
                      .Name("headwater_control_refused_total")
                      .Help("Connections and calls on the control leg that were refused.")
                      .Register(registry);
  for (const PeerSide side : {PeerSide::kClient, PeerSide::kServer}) {
    for (const Refusal refusal : kRefusals) {
      kinds_[{side, refusal}].count =
          &refused.Add({{"peer", side == PeerSide::kClient ? "client" : "server"},
                        {"reason", std::string(ToString(refusal))}});
    }
  }
}

void ControlMetrics::OnRefusal(const ControlRefusal& refusal) {
  std::lock_guard lock(mutex_);
  Kind& kind = kinds_.at({refusal.side, refusal.refusal});
  kind.count->Increment();
  const MonoTime now = MonoNow();
  if (kind.logged != MonoTime() && now - kind.logged < kLogPeriod) {
    ++kind.unlogged;
    return;
  }
  log_.Warning(
      refusal.side == PeerSide::kClient ? "control client refused" : "control server refused",
      {{"reason", ToString(refusal.refusal)},
       {"peer", refusal.peer},
       {"error", refusal.reason},
       {"not_logged", kind.unlogged}});
  kind.logged = now;
  kind.unlogged = 0;
}

void ControlMetrics::UpdateExpiry(const ControlTls& tls) {
  SetExpiry("own", tls.OwnValidity());
  SetExpiry("authority", tls.AuthorityValidity());
}

void ControlMetrics::SetExpiry(const char* certificate, const absl::StatusOr<Validity>& validity) {
  const absl::Time until = validity.ok() ? validity->until : absl::UnixEpoch();
  expiry_.Add({{"certificate", certificate}}).Set(static_cast<double>(absl::ToUnixSeconds(until)));
  const auto [last, first] = until_.try_emplace(certificate, until);
  if (!first && last->second == until) return;
  last->second = until;
  if (!validity.ok()) {
    log_.Error("certificate unreadable",
               {{"certificate", certificate}, {"error", FromAbsl(validity.status().message())}});
  } else if (until < WallNow()) {
    log_.Error("certificate expired",
               {{"certificate", certificate}, {"until", absl::FormatTime(until)}});
  } else {
    log_.Info(first ? "certificate" : "certificate renewed",
              {{"certificate", certificate}, {"until", absl::FormatTime(until)}});
  }
}

}  // namespace headwater
