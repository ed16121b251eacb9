#include "services/session-manager/manager_metrics.h"

#include <algorithm>
#include <cctype>

namespace headwater::session_manager {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

// From a packet on the wire to an answer from far away.
const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

// Labels that are there from the beginning: a counter that is born at 1 has not risen, and no alert
// would see the first time.
constexpr std::array<const char*, 4> kRefusals = {"sessions_max", "sessions_per_link_max",
                                                  "starts_per_second", "sender_sessions_max"};
constexpr std::array<const char*, 19> kFailures = {
    "resolve",     "no_sender", "packager", "timeout",  "dns",   "connect", "tls",
    "http_status", "redirect",  "html",     "header",   "codec", "silence", "policy",
    "playlist",    "limit",     "feed",     "internal", "tuner"};

template <typename Builder>
auto& Family(Builder builder, prometheus::Registry& registry, const std::string& name,
             const std::string& help) {
  return builder.Name(name).Help(help).Register(registry);
}

// The same family each time.
auto& Checks(prometheus::Registry& registry) {
  return Family(BuildCounter(), registry, "headwater_session_manager_checks_total",
                "Background checks of stations that nobody plays, by result.");
}

std::string Label(State state) {
  std::string text(ToString(state));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string_view LabelOf(LeaseState state) {
  switch (state) {
    case LeaseState::kTuning:
      return "tuning";
    case LeaseState::kLocked:
      return "locked";
    case LeaseState::kSending:
      return "sending";
    case LeaseState::kLost:
      return "lost";
    case LeaseState::kFailed:
      break;
  }
  return "failed";
}

void Raise(prometheus::Counter& counter, uint64_t& seen, uint64_t count) {
  counter.Increment(static_cast<double>(count - seen));
  seen = count;
}

}  // namespace

ManagerMetrics::ManagerMetrics(prometheus::Registry& registry)
    : transitions_(Family(BuildCounter(), registry, "headwater_session_manager_transitions_total",
                          "Changes of sessions' states.")),
      refused_(Family(BuildCounter(), registry, "headwater_session_manager_refused_total",
                      "Starts and links refused by a limit.")),
      failed_(Family(BuildCounter(), registry, "headwater_session_manager_failed_total",
                     "Sessions that failed, by reason.")),
      call_failures_(Family(BuildCounter(), registry,
                            "headwater_session_manager_call_failures_total",
                            "Calls to other services that failed.")),
      connected_(Family(BuildGauge(), registry, "headwater_session_manager_endpoint_connected",
                        "1 while the endpoint's stream is open.")),
      sender_sessions_(Family(BuildGauge(), registry, "headwater_session_manager_sender_sessions",
                              "Sessions that a sender has.")),
      sender_capacity_(Family(BuildGauge(), registry, "headwater_session_manager_sender_capacity",
                              "Sessions that a sender takes at once.")),
      sender_drained_(Family(BuildGauge(), registry, "headwater_session_manager_sender_drained",
                             "1 while a sender gets no new sessions.")),
      moves_(Family(BuildCounter(), registry, "headwater_session_manager_moves_total",
                    "Sessions that have gone to another sender, by reason.")),
      unserved_(Family(BuildGauge(), registry, "headwater_session_manager_links_unserved",
                       "Links with members where no sender has a leg up.")
                    .Add({})),
      doubly_claimed_(Family(BuildGauge(), registry,
                             "headwater_session_manager_links_doubly_claimed",
                             "Links that several membership-watchers claim.")
                          .Add({})),
      adopted_(Family(BuildCounter(), registry, "headwater_session_manager_adopted_total",
                      "Sessions found running after a restart of the manager.")
                   .Add({})),
      untracked_(Family(BuildCounter(), registry, "headwater_session_manager_untracked_total",
                        "Times that a group of ours got no session because too many are tracked.")
                     .Add({})),
      ignored_(Family(BuildCounter(), registry, "headwater_session_manager_events_ignored_total",
                      "Events that the state table has no row for.")
                   .Add({})),
      waiting_for_tuner_(Family(BuildGauge(), registry,
                                "headwater_session_manager_sessions_waiting_for_tuner",
                                "Sessions that failed because no tuner was free.")
                             .Add({})),
      lineups_(Family(BuildCounter(), registry, "headwater_session_manager_lineups_carried_total",
                      "Lineups of the tuner that the resolver has taken.")
                   .Add({})),
      guides_(Family(BuildCounter(), registry, "headwater_session_manager_guides_carried_total",
                     "Pieces of the tuner's guide that the resolver has taken.")
                  .Add({})),
      lineup_dropped_(Family(BuildCounter(), registry,
                             "headwater_session_manager_lineup_dropped_total",
                             "Carriers and guides of the tuner left out at a limit.")
                          .Add({})),
      checks_ok_(Checks(registry).Add({{"result", "ok"}})),
      checks_failed_(Checks(registry).Add({{"result", "failed"}})) {
  for (const Transition& row : kTransitions) {
    transitions_.Add({{"from", Label(row.from)}, {"to", Label(row.to)}});
  }
  for (const char* reason : kRefusals) refused_.Add({{"reason", reason}});
  for (const char* reason : kFailures) failed_.Add({{"reason", reason}});
  AddLeases(registry);
  // In the order of Latency.
  const std::pair<const char*, const char*> names[] = {
      {"headwater_session_manager_report_to_request_seconds",
       "From a membership report's arrival to the first request to the source."},
      {"headwater_session_manager_report_to_sap_seconds",
       "From a membership report's arrival to the first announcement."},
      {"headwater_session_manager_report_to_rtp_seconds",
       "From a membership report's arrival to the first RTP packet."},
      {"headwater_session_manager_leave_to_stop_seconds",
       "From the last member's end to the end of sending, the linger included."},
      {"headwater_session_manager_late_join_to_sap_seconds",
       "From a latecomer's report to the announcement that it calls for."}};
  for (size_t i = 0; i < latencies_.size(); ++i) {
    latencies_[i] =
        &Family(BuildHistogram(), registry, names[i].first, names[i].second).Add({}, kSeconds);
  }
  auto& sessions =
      Family(BuildGauge(), registry, "headwater_session_manager_sessions", "Sessions by state.");
  for (size_t i = 0; i < kStateCount; ++i) {
    sessions_[i] = &sessions.Add({{"state", Label(static_cast<State>(i))}});
  }
}

void ManagerMetrics::AddLeases(prometheus::Registry& registry) {
  auto& leases = Family(BuildGauge(), registry, "headwater_session_manager_leases",
                        "Leases that the dvb-tuner lists, by state.");
  for (size_t i = 0; i < kLeaseStateCount; ++i) {
    leases_[i] = &leases.Add({{"state", std::string(LabelOf(static_cast<LeaseState>(i)))}});
  }
}

void ManagerMetrics::Update(const CourierStats& courier) {
  Raise(lineups_, seen_courier_.lineups_total, courier.lineups_total);
  Raise(guides_, seen_courier_.guides_total, courier.guides_total);
  Raise(lineup_dropped_, seen_courier_.dropped_total, courier.dropped_total);
}

void ManagerMetrics::Advance(prometheus::Family<prometheus::Counter>& family,
                             const std::map<std::string, uint64_t>& counts,
                             std::map<std::string, uint64_t>& seen) {
  for (const auto& [reason, count] : counts) {
    Raise(family.Add({{"reason", reason}}), seen[reason], count);
  }
}

void ManagerMetrics::Update(const Reconciler& reconciler) {
  std::array<size_t, kStateCount> by_state = {};
  for (const auto& [channel, session] : reconciler.sessions()) {
    ++by_state[static_cast<size_t>(session.state)];
  }
  for (size_t i = 0; i < kStateCount; ++i) sessions_[i]->Set(static_cast<double>(by_state[i]));
  std::array<size_t, kLeaseStateCount> leases = {};
  for (const auto& [number, lease] : reconciler.tuner().leases) {
    if (lease.outlet.status()) ++leases[static_cast<size_t>(lease.outlet.status()->state)];
  }
  for (size_t i = 0; i < kLeaseStateCount; ++i) leases_[i]->Set(static_cast<double>(leases[i]));
  waiting_for_tuner_.Set(static_cast<double>(reconciler.waiting_for_tuner()));
  const ReconcilerStats& stats = reconciler.stats();
  for (const auto& [states, count] : stats.transitions) {
    Raise(transitions_.Add({{"from", Label(states.first)}, {"to", Label(states.second)}}),
          seen_.transitions[states], count);
  }
  Advance(refused_, stats.refused_total, seen_.refused_total);
  Advance(failed_, stats.failed_total, seen_.failed_total);
  Advance(moves_, stats.moves_total, seen_.moves_total);
  UpdateSenders(reconciler);
  Raise(adopted_, seen_.adopted_total, stats.adopted_total);
  Raise(untracked_, seen_.untracked_total, stats.untracked_total);
  Raise(ignored_, seen_.events_ignored_total, stats.events_ignored_total);
  unserved_.Set(static_cast<double>(reconciler.unserved_links().size()));
  doubly_claimed_.Set(static_cast<double>(reconciler.doubly_claimed_links().size()));
}

void ManagerMetrics::UpdateSenders(const Reconciler& reconciler) {
  for (size_t i = 0; i < reconciler.senders(); ++i) {
    const prometheus::Labels labels = {{"sender", reconciler.sender_name(i)}};
    const Sender& sender = reconciler.sender(i);
    sender_sessions_.Add(labels).Set(static_cast<double>(reconciler.SessionsOf(i)));
    sender_capacity_.Add(labels).Set(static_cast<double>(sender.capacity));
    sender_drained_.Add(labels).Set(sender.drained ? 1 : 0);
  }
}

void ManagerMetrics::Observe(const Measured& measured) {
  latencies_[static_cast<size_t>(measured.latency)]->Observe(
      absl::ToDoubleSeconds(measured.duration));
}

void ManagerMetrics::CountCallFailure(const std::string& call) {
  call_failures_.Add({{"call", call}}).Increment();
}

void ManagerMetrics::SetConnected(const std::string& service, const std::string& instance,
                                  bool connected) {
  connected_.Add({{"service", service}, {"instance", instance}}).Set(connected ? 1 : 0);
}

}  // namespace headwater::session_manager
