#include "services/dvb-tuner/tuner_metrics.h"

#include <chrono>

namespace headwater::tuner {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Registry;

constexpr std::array<const char*, 8> kReasons = {"no_tuner",   "preempted", "no_lock", "no_card",
                                                 "no_service", "scrambled", "dvblast", "input"};

Family<Counter>& CounterFamily(Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& GaugeFamily(Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}

struct Families {
  explicit Families(Registry& registry)
      : states(GaugeFamily(registry, "headwater_dvb_tuner_tuner_state",
                           "1 for the state that the tuner is in.")),
        bytes(GaugeFamily(registry, "headwater_dvb_tuner_bytes_per_second",
                          "What the tuner delivers.")),
        snr(GaugeFamily(registry, "headwater_dvb_tuner_snr_decibels",
                        "Signal to noise; 0 when the driver does not tell.")),
        strength(GaugeFamily(registry, "headwater_dvb_tuner_strength_dbm",
                             "Signal strength; 0 when the driver does not tell.")),
        bit_errors(GaugeFamily(registry, "headwater_dvb_tuner_bit_error_ratio",
                               "Bit errors after the first decoder.")),
        continuity(CounterFamily(registry, "headwater_dvb_tuner_continuity_errors_total",
                                 "Packets that were missing in what the tuner delivered.")),
        transport(CounterFamily(registry, "headwater_dvb_tuner_transport_errors_total",
                                "Packets that the tuner itself marked as broken.")),
        restarts(CounterFamily(registry, "headwater_dvb_tuner_restarts_total",
                               "Times that dvblast was started again after it had ended.")),
        locks_lost(CounterFamily(registry, "headwater_dvb_tuner_locks_lost_total",
                                 "Times that a carrier was lost.")) {}
  Family<Gauge>&states, &bytes, &snr, &strength, &bit_errors;
  Family<Counter>&continuity, &transport, &restarts, &locks_lost;
};

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

TunerMetrics::TunerMetrics(Registry& registry, const Reception& reception)
    : refused_busy_(
          CounterFamily(registry, "headwater_dvb_tuner_refused_total", "Leases refused, by reason.")
              .Add({{"reason", "busy"}})),
      refused_impossible_(
          CounterFamily(registry, "headwater_dvb_tuner_refused_total", "Leases refused, by reason.")
              .Add({{"reason", "impossible"}})),
      preempted_(CounterFamily(registry, "headwater_dvb_tuner_preempted_total",
                               "Leases that lost their tuner to a higher priority.")
                     .Add({})),
      bad_sections_(CounterFamily(registry, "headwater_dvb_tuner_bad_sections_total",
                                  "Sections of tables that were not what they should be.")
                        .Add({})),
      carriers_(&GaugeFamily(registry, "headwater_dvb_tuner_carriers", "Carriers known.").Add({})),
      services_(&GaugeFamily(registry, "headwater_dvb_tuner_services", "Services known.").Add({})),
      scanning_(
          &GaugeFamily(registry, "headwater_dvb_tuner_scanning", "1 while a scan runs.").Add({})),
      readers_(
          &GaugeFamily(registry, "headwater_dvb_tuner_watch_readers", "Open WatchLeases streams.")
               .Add({})),
      start_seconds_(
          &BuildHistogram()
               .Name("headwater_dvb_tuner_start_seconds")
               .Help("From a lease's begin to its first packets.")
               .Register(registry)
               .Add({}, std::vector<double>{0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 4, 8, 16, 32})) {
  Families families(registry);
  for (const Tuner& tuner : reception.tuners()) {
    const prometheus::Labels labels = {{"tuner", tuner.options().name}};
    PerTuner row = {.bytes_per_second = &families.bytes.Add(labels),
                    .snr = &families.snr.Add(labels),
                    .strength = &families.strength.Add(labels),
                    .bit_error_rate = &families.bit_errors.Add(labels),
                    .continuity_errors = Follower(families.continuity.Add(labels)),
                    .transport_errors = Follower(families.transport.Add(labels)),
                    .restarts = Follower(families.restarts.Add(labels)),
                    .locks_lost = Follower(families.locks_lost.Add(labels))};
    for (size_t i = 0; i < row.states.size(); ++i) {
      const std::string state(ToString(static_cast<TunerState>(i)));
      row.states[i] = &families.states.Add({{"tuner", tuner.options().name}, {"state", state}});
    }
    tuners_.push_back(row);
  }
  Family<Gauge>& leases = GaugeFamily(registry, "headwater_dvb_tuner_leases", "Leases, by state.");
  for (size_t i = 0; i < leases_.size(); ++i) {
    leases_[i] = &leases.Add({{"state", std::string(ToString(static_cast<LeaseState>(i)))}});
  }
  Family<Counter>& failed = CounterFamily(registry, "headwater_dvb_tuner_leases_failed_total",
                                          "Leases that ended by themselves, by reason.");
  for (const char* reason : kReasons) {
    failed_.emplace(reason, Follower(failed.Add({{"reason", reason}})));
  }
}

void TunerMetrics::PerTuner::Update(const Tuner& tuner) {
  for (size_t i = 0; i < states.size(); ++i) {
    states[i]->Set(static_cast<size_t>(tuner.state()) == i ? 1 : 0);
  }
  bytes_per_second->Set(static_cast<double>(tuner.bits_per_second()) / 8);
  snr->Set(tuner.signal().snr_db.value_or(0));
  strength->Set(tuner.signal().strength_dbm.value_or(0));
  bit_error_rate->Set(tuner.signal().bit_error_rate.value_or(0));
  continuity_errors.Set(tuner.continuity_errors_total());
  transport_errors.Set(tuner.transport_errors_total());
  restarts.Set(tuner.restarts_total());
  locks_lost.Set(tuner.locks_lost_total());
}

void TunerMetrics::Update(TunerShell& shell, size_t readers) {
  const Reception& reception = shell.reception();
  for (size_t i = 0; i < tuners_.size(); ++i) tuners_[i].Update(reception.tuners()[i]);
  std::array<size_t, 5> count = {};
  for (const auto& [number, lease] : reception.leases()) ++count[static_cast<size_t>(lease.state)];
  for (size_t i = 0; i < count.size(); ++i) leases_[i]->Set(static_cast<double>(count[i]));
  const Reception::Stats& stats = reception.stats();
  for (const auto& [reason, total] : stats.failed) {
    if (const auto found = failed_.find(reason); found != failed_.end()) found->second.Set(total);
  }
  refused_busy_.Set(stats.refused_busy);
  refused_impossible_.Set(stats.refused_impossible);
  preempted_.Set(stats.preempted);
  bad_sections_.Set(shell.bad_sections());
  carriers_->Set(static_cast<double>(shell.lineup().carriers().size()));
  services_->Set(static_cast<double>(shell.lineup().service_count()));
  scanning_->Set(shell.scanning() ? 1 : 0);
  readers_->Set(static_cast<double>(readers));
  for (const Duration duration : shell.TakeStartTimes()) start_seconds_->Observe(Seconds(duration));
}

}  // namespace headwater::tuner
