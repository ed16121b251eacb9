#include "services/rtp-packager/session_metrics.h"

#include <algorithm>
#include <chrono>
#include <set>

namespace headwater::packager {
namespace {

prometheus::Family<prometheus::Counter>* CounterFamily(prometheus::Registry& registry,
                                                       const char* name, const char* help) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Gauge>* GaugeFamily(prometheus::Registry& registry, const char* name,
                                                   const char* help) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

SessionMetrics::SessionMetrics(prometheus::Registry& registry)
    : counters_{CounterFamily(registry, "headwater_rtp_packager_session_packets_total",
                              "RTP packets of the session."),
                CounterFamily(registry, "headwater_rtp_packager_session_octets_total",
                              "Their payload."),
                CounterFamily(registry, "headwater_rtp_packager_session_continuity_errors_total",
                              "Transport packets missing in the session's feed.")},
      gauges_{GaugeFamily(registry, "headwater_rtp_packager_session_receivers",
                          "Receivers that have reported of late."),
              GaugeFamily(registry, "headwater_rtp_packager_session_loss_ratio",
                          "Packets lost, by the newest report of whoever has lost most."),
              GaugeFamily(registry, "headwater_rtp_packager_session_jitter_seconds",
                          "Interarrival jitter, by the report of whoever has most.")},
      other_(AddRow("other")) {}

SessionMetrics::Row SessionMetrics::AddRow(const std::string& session) {
  Row row;
  const prometheus::Labels labels = {{"session", session}};
  for (size_t i = 0; i < kCounters; ++i) row.counters[i] = &counters_[i]->Add(labels);
  for (size_t i = 0; i < kGauges; ++i) row.gauges[i] = &gauges_[i]->Add(labels);
  return row;
}

void SessionMetrics::RemoveRow(const Row& row) {
  for (size_t i = 0; i < kCounters; ++i) counters_[i]->Remove(row.counters[i]);
  for (size_t i = 0; i < kGauges; ++i) gauges_[i]->Remove(row.gauges[i]);
}

void SessionMetrics::Forget(const std::vector<SessionStatus>& sessions) {
  std::set<Channel> living;
  for (const SessionStatus& status : sessions) living.insert(status.channel);
  std::erase_if(known_, [&](const auto& entry) {
    if (living.contains(entry.first)) return false;
    if (entry.second.own() != nullptr) {
      RemoveRow(entry.second.row);
      --shown_;
    }
    return true;
  });
}

void SessionMetrics::Update(const std::vector<SessionStatus>& sessions) {
  // Before the new ones, which may take the places of those that are gone.
  Forget(sessions);
  std::array<double, kGauges> others = {};
  for (const SessionStatus& status : sessions) {
    auto [it, is_new] = known_.try_emplace(status.channel);
    Known& known = it->second;
    if (is_new && shown_ < kSessionsShownMax) {
      known.row = AddRow(status.channel.ToString());
      ++shown_;
    }
    const Row& row = known.own() != nullptr ? known.row : other_;
    const std::array<uint64_t, kCounters> totals = {status.packets_total, status.octets_total,
                                                    status.continuity_errors_total};
    for (size_t i = 0; i < kCounters; ++i) {
      // Less than before: it has ended and begun again since the last time.
      const uint64_t added = totals[i] >= known.last[i] ? totals[i] - known.last[i] : totals[i];
      row.counters[i]->Increment(static_cast<double>(added));
      known.last[i] = totals[i];
    }
    const ReceiverSummary& receivers = status.receivers;
    const std::array<double, kGauges> values = {
        static_cast<double>(receivers.receivers), receivers.fraction_lost_max,
        std::chrono::duration<double>(receivers.jitter_max).count()};
    if (known.own() != nullptr) {
      for (size_t i = 0; i < kGauges; ++i) row.gauges[i]->Set(values[i]);
    } else {
      others = {others[0] + values[0], std::max(others[1], values[1]),
                std::max(others[2], values[2])};
    }
  }
  for (size_t i = 0; i < kGauges; ++i) other_.gauges[i]->Set(others[i]);
}

}  // namespace headwater::packager
