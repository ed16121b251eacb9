#include "services/mcast-monitor/monitor_metrics.h"

namespace headwater::monitor {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Registry;

Family<Counter>& Counters(Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& Gauges(Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}

Gauge* One(Registry& registry, const char* name, const char* help) {
  return &Gauges(registry, name, help).Add({});
}

}  // namespace

MonitorMetrics::MonitorMetrics(Registry& registry, const MonitorShell& shell)
    : events_(Counters(registry, "headwater_mcast_monitor_events_total",
                       "Events, by kind, facility and severity.")),
      repeated_(Counters(registry, "headwater_mcast_monitor_events_repeated_total",
                         "Events that were heard a short while before.")
                    .Add({})),
      acknowledged_(Counters(registry, "headwater_mcast_monitor_informs_acknowledged_total",
                             "Informs that were answered.")
                        .Add({})),
      store_dropped_(Counters(registry, "headwater_mcast_monitor_store_dropped_total",
                              "Events that are not kept: the store was too slow or failed.")
                         .Add({})),
      synchronised_(One(registry, "headwater_mcast_monitor_clock_synchronised",
                        "1 while clients are told the time.")),
      stratum_(One(registry, "headwater_mcast_monitor_clock_stratum",
                   "Stratum that clients are told; 0 while there is no time.")),
      dispersion_(One(registry, "headwater_mcast_monitor_clock_root_dispersion_seconds",
                      "Root dispersion that clients are told.")),
      store_events_(One(registry, "headwater_mcast_monitor_store_events", "Events kept.")),
      store_bytes_(One(registry, "headwater_mcast_monitor_store_bytes", "Size of the store.")),
      store_queued_(
          One(registry, "headwater_mcast_monitor_store_queued", "Events that wait to be written.")),
      readers_(
          One(registry, "headwater_mcast_monitor_watch_readers", "Open WatchEvents streams.")) {
  Family<Counter>& received = Counters(registry, "headwater_mcast_monitor_datagrams_total",
                                       "Datagrams received, by service.");
  Family<Counter>& foreign =
      Counters(registry, "headwater_mcast_monitor_datagrams_foreign_total",
               "Datagrams by an interface that is no link's, or with an impossible source.");
  Family<Counter>& lost = Counters(registry, "headwater_mcast_monitor_datagrams_lost_total",
                                   "Datagrams that the kernel had no room for.");
  Family<Gauge>& listeners = Gauges(registry, "headwater_mcast_monitor_listeners",
                                    "Groups on links that are to be heard, by state.");
  for (size_t i = 0; i < kProtocols; ++i) {
    const std::string name = ToString(static_cast<Protocol>(i));
    const prometheus::Labels labels = {{"service", name}};
    protocols_.push_back({Follower(received.Add(labels)), Follower(foreign.Add(labels)),
                          Follower(lost.Add(labels)),
                          &listeners.Add({{"service", name}, {"state", "joined"}}),
                          &listeners.Add({{"service", name}, {"state", "failed"}})});
  }
  Family<Counter>& requests = Counters(registry, "headwater_mcast_monitor_ntp_requests_total",
                                       "NTP datagrams, by what became of them.");
  for (size_t i = 0; i < NtpServer::kOutcomes; ++i)
    ntp_requests_.emplace_back(
        requests.Add({{"result", ToString(static_cast<NtpServer::Outcome>(i))}}));
  Family<Counter>& refused = Counters(registry, "headwater_mcast_monitor_snmp_refused_total",
                                      "SNMP datagrams that are no event, by reason.");
  for (size_t i = 0; i < kSnmpErrors; ++i)
    snmp_refused_.emplace_back(refused.Add({{"reason", ToString(static_cast<SnmpError>(i))}}));
  Family<Gauge>& up = Gauges(registry, "headwater_mcast_monitor_handover_up",
                             "1 while the daemon takes what it is given.");
  Family<Gauge>& queued = Gauges(registry, "headwater_mcast_monitor_handover_queued",
                                 "Datagrams that wait for the daemon.");
  Family<Counter>& forwarded =
      Counters(registry, "headwater_mcast_monitor_handover_forwarded_total",
               "Datagrams that the daemon has taken.");
  Family<Counter>& resent = Counters(registry, "headwater_mcast_monitor_handover_resent_total",
                                     "Datagrams sent again after the daemon's end.");
  Family<Counter>& dropped = Counters(registry, "headwater_mcast_monitor_handover_dropped_total",
                                      "Datagrams for which the queue had no room, or that "
                                      "cannot be sent.");
  Family<Counter>& missed = Counters(registry, "headwater_mcast_monitor_handover_lost_total",
                                     "Datagrams that the daemon's own buffer had no room for.");
  for (const auto& handover : shell.handovers()) {
    const prometheus::Labels labels = {{"service", ToString(handover->options().protocol)},
                                       {"target", handover->options().target.ToString()}};
    handovers_.push_back({&up.Add(labels), &queued.Add(labels), Follower(forwarded.Add(labels)),
                          Follower(resent.Add(labels)), Follower(dropped.Add(labels)),
                          Follower(missed.Add(labels))});
  }
}

void MonitorMetrics::UpdateEvents(const EventLog::Counts& counts) {
  size_t place = 0;
  for (size_t kind = 0; kind < kEventKinds; ++kind) {
    for (size_t facility = 0; facility <= kFacilities; ++facility) {
      for (size_t severity = 0; severity < kSeverities; ++severity, ++place) {
        const uint64_t total = counts[kind][facility][severity];
        if (total == 0) continue;
        auto found = event_counters_.find(place);
        if (found == event_counters_.end()) {
          Counter& counter =
              events_.Add({{"kind", ToString(static_cast<EventKind>(kind))},
                           {"facility", FacilityName(static_cast<uint8_t>(facility))},
                           {"severity", SeverityName(static_cast<uint8_t>(severity))}});
          found = event_counters_.emplace(place, Follower(counter)).first;
        }
        found->second.Set(total);
      }
    }
  }
}

void MonitorMetrics::UpdateClock(const NtpShell* ntp) {
  if (ntp == nullptr) return;
  const ClockState& clock = ntp->server().clock();
  synchronised_->Set(clock.synchronised ? 1 : 0);
  stratum_->Set(clock.synchronised ? clock.stratum : 0);
  dispersion_->Set(clock.synchronised ? absl::ToDoubleSeconds(clock.root_dispersion) : 0);
  for (size_t i = 0; i < NtpServer::kOutcomes; ++i)
    ntp_requests_[i].Set(ntp->server().count(static_cast<NtpServer::Outcome>(i)));
}

void MonitorMetrics::Update(MonitorShell& shell, size_t readers) {
  const MonitorShell::Stats& stats = shell.stats();
  std::array<size_t, kProtocols> joined = {}, not_joined = {};
  for (const auto& [key, join] : shell.joins())
    ++(join.ifindex != 0 ? joined : not_joined)[static_cast<size_t>(key.protocol)];
  for (size_t i = 0; i < kProtocols; ++i) {
    protocols_[i].received.Set(stats.received[i]);
    protocols_[i].foreign.Set(stats.foreign[i]);
    protocols_[i].lost.Set(shell.lost(static_cast<Protocol>(i)));
    protocols_[i].joined->Set(static_cast<double>(joined[i]));
    protocols_[i].not_joined->Set(static_cast<double>(not_joined[i]));
  }
  UpdateEvents(shell.events().counts());
  repeated_.Set(shell.events().repeated_total());
  acknowledged_.Set(stats.informs_acknowledged);
  for (size_t i = 0; i < kSnmpErrors; ++i) snmp_refused_[i].Set(stats.snmp_refused[i]);
  UpdateClock(shell.ntp());
  for (size_t i = 0; i < handovers_.size(); ++i) {
    const ForwardQueue& queue = shell.handovers()[i]->queue();
    handovers_[i].up->Set(queue.up() ? 1 : 0);
    handovers_[i].queued->Set(static_cast<double>(queue.size()));
    handovers_[i].forwarded.Set(queue.stats().forwarded);
    handovers_[i].resent.Set(queue.stats().resent);
    handovers_[i].dropped.Set(queue.stats().dropped);
    handovers_[i].lost.Set(queue.stats().lost);
  }
  const StoreWorker::Stats store = shell.store().stats();
  store_dropped_.Set(store.dropped);
  store_events_->Set(static_cast<double>(store.kept.events));
  store_bytes_->Set(static_cast<double>(store.kept.bytes));
  store_queued_->Set(static_cast<double>(store.queued));
  readers_->Set(static_cast<double>(readers));
}

}  // namespace headwater::monitor
