// What comes back from dvblast, and what time does.
#include <absl/status/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/dvb-tuner/reception.h"
#include "services/dvb-tuner/service.h"

namespace headwater::tuner {
namespace {

// Between questions for a service that is awaited, and for one that is being sent.
constexpr Duration kAwaitInterval = 50ms;
constexpr Duration kMapInterval = 150ms;
constexpr Duration kSendInterval = 1s;
constexpr Duration kMapRefresh = 5s;

std::string NotThere(const Lease& lease) {
  return fmt::format("no service {:#06x} on {}", lease.request.service.service_id,
                     lease.request.service.carrier);
}

}  // namespace

void Reception::Perform(size_t tuner, Tuner::Orders orders, MonoTime, Actions& actions) {
  tuners_changed_ = true;
  const uint64_t run = tuners_[tuner].run();
  if (orders.start) {
    ++next_run_;
    for (auto& [number, lease] : leases_) {
      if (lease.tuner == tuner) lease.configured = false;
    }
    actions.push_back(StartRun{tuner, run});
  }
  if (orders.stop) actions.push_back(StopRun{tuner, run});
}

void Reception::OnEvent(uint64_t run, const DvblastEvent& event, MonoTime now, Actions& actions) {
  const auto tuner = IndexOfRun(run);
  if (!tuner) return;
  Perform(*tuner, tuners_[*tuner].OnEvent(event, now), now, actions);
  FollowTuner(*tuner, now);
}

void Reception::OnExited(uint64_t run, const std::string& text, MonoTime now, Actions& actions) {
  const auto tuner = IndexOfRun(run);
  if (!tuner) return;
  programs_.erase(run);
  Perform(*tuner, tuners_[*tuner].OnExited(text, next_run_, now), now, actions);
  FollowTuner(*tuner, now);
  LeaveAbsent(*tuner, now, actions);
}

// A lease is where its tuner is.
void Reception::FollowTuner(size_t tuner, MonoTime now) {
  const Tuner& source = tuners_[tuner];
  const bool locked = source.state() == TunerState::kLocked;
  for (auto& [number, lease] : leases_) {
    if (lease.tuner != tuner) continue;
    const bool had = lease.state == LeaseState::kLocked || lease.state == LeaseState::kSending;
    // A service that has left its carrier is lost although the carrier is not.
    const bool away = !lease.listed && lease.sent;
    if (locked && !had && !away) {
      SetState(lease, LeaseState::kLocked, now);
    } else if (had && (!locked || away)) {
      SetState(lease, lease.sent ? LeaseState::kLost : LeaseState::kTuning, now);
    }
    if (locked && away) {
      lease.error = NotThere(lease);
      lease.error_reason = "no_service";
    }
    if (locked) continue;
    lease.next_map = kNever;
    if (lease.error == source.error()) continue;
    lease.error = source.error();
    lease.error_reason = lease.error.empty() ? "" : source.reason();
    changed_leases_.insert(number);
  }
}

void Reception::OnConfigured(uint64_t run, uint64_t generation, MonoTime now) {
  const auto tuner = IndexOfRun(run);
  if (!tuner || tuners_[*tuner].state() == TunerState::kClosing) return;
  for (auto& [number, lease] : leases_) {
    if (lease.tuner != *tuner || lease.generation > generation || lease.configured) continue;
    lease.configured = true;
    if (lease.state == LeaseState::kLocked) lease.next_question = now;
  }
}

void Reception::OnPrograms(uint64_t run, const std::set<uint16_t>& programs, MonoTime now) {
  const auto tuner = IndexOfRun(run);
  if (!tuner) return;
  programs_[run] = programs;
  for (auto& [number, lease] : leases_) {
    if (lease.tuner != *tuner) continue;
    const uint16_t service = lease.request.service.service_id;
    lease.listed = service == 0 || programs.contains(service);
    if (lease.state == LeaseState::kLocked) lease.next_question = now;
  }
  FollowTuner(*tuner, now);
}

void Reception::OnMap(uint64_t run, uint16_t service_id, const mpegts::ProgramMap& map,
                      MonoTime now) {
  const auto tuner = IndexOfRun(run);
  if (!tuner) return;
  for (auto& [number, lease] : leases_) {
    if (lease.tuner != *tuner || lease.request.service.service_id != service_id) continue;
    if (lease.map == map) continue;
    lease.map = map;
    lease.pids_seen.clear();
    lease.next_pid = 0;
    changed_leases_.insert(number);
    if (lease.state == LeaseState::kLocked) lease.next_question = now;
  }
}

void Reception::OnPid(uint64_t run, uint16_t pid, const PidStatus& status, MonoTime now,
                      Actions& actions) {
  const auto tuner = IndexOfRun(run);
  if (!tuner) return;
  for (auto& [number, lease] : leases_) {
    if (lease.tuner != *tuner) continue;
    const std::vector<uint16_t> pids = lease.Pids();
    if (std::ranges::find(pids, pid) == pids.end()) continue;
    const auto before = lease.pids_seen.find(pid);
    const bool moved = before != lease.pids_seen.end() && status.packets > before->second.packets;
    if (before != lease.pids_seen.end() &&
        status.continuity_errors > before->second.continuity_errors) {
      lease.continuity_errors_total += status.continuity_errors - before->second.continuity_errors;
      changed_leases_.insert(number);
    }
    lease.pids_seen.insert_or_assign(pid, status);
    if (lease.state == LeaseState::kLocked && lease.configured && moved) {
      SetState(lease, LeaseState::kSending, now);
      lease.next_question = now + kSendInterval;
      lease.pids_seen.insert_or_assign(pid, status);
    }
    // The first is video, or audio where there is none.
    if (pid != pids.front()) continue;
    if (lease.scrambled != status.scrambled) changed_leases_.insert(number);
    lease.scrambled = status.scrambled;
    if (!status.scrambled) lease.scrambled_since.reset();
    if (status.scrambled && !lease.scrambled_since) lease.scrambled_since = now;
    CheckPatience(lease, now, actions);
  }
}

void Reception::OnSignal(uint64_t run, const Signal& signal) {
  const auto tuner = IndexOfRun(run);
  if (!tuner || tuners_[*tuner].signal() == signal) return;
  tuners_[*tuner].OnSignal(signal);
  tuners_changed_ = true;
}

void Reception::CheckPatience(Lease& lease, MonoTime now, Actions& actions) {
  if (!lease.tuner) return;
  const Tuner& source = tuners_[*lease.tuner];
  const Duration waited = now - lease.since;
  const auto why = [&](std::string_view standard) {
    return source.error().empty() ? std::string(standard) : source.error();
  };
  switch (lease.state) {
    case LeaseState::kTuning:
      // Another tuner can be had at once, if there is one: no use in waiting for this.
      if (source.state() == TunerState::kAbsent || waited >= options_.lock_patience) {
        Fail(lease, source.reason(), why("no lock"), now, actions);
      }
      return;
    case LeaseState::kLost:
      if (waited < options_.lost_patience) return;
      if (lease.listed) {
        Fail(lease, source.reason(), why("no lock"), now, actions);
      } else {
        Fail(lease, "no_service", NotThere(lease), now, actions);
      }
      return;
    case LeaseState::kLocked:
      if (waited < options_.service_patience) return;
      Fail(lease, "no_service",
           lease.map || lease.request.service.service_id == 0
               ? fmt::format("nothing of it is being sent on {}", lease.request.service.carrier)
               : NotThere(lease),
           now, actions);
      return;
    case LeaseState::kSending:
      if (lease.request.service.service_id != 0 && lease.scrambled_since &&
          now - *lease.scrambled_since >= options_.descramble_patience) {
        Fail(lease, "scrambled", "scrambled, and no CAM of " + source.options().name + " clears it",
             now, actions);
      }
      return;
    case LeaseState::kFailed:
      return;
  }
}

void Reception::Ask(Lease& lease, MonoTime now, Actions& actions) {
  const uint64_t run = tuners_[*lease.tuner].run();
  const uint16_t service = lease.request.service.service_id;
  const bool awaited = lease.state == LeaseState::kLocked;
  lease.next_question = now + (awaited ? kAwaitInterval : kSendInterval);
  if (lease.request.service.whole_carrier()) {
    if (awaited && lease.configured && tuners_[*lease.tuner].bits_per_second() > 0) {
      SetState(lease, LeaseState::kSending, now);
    }
    return;
  }
  if (service != 0 && (lease.next_map == kNever || lease.next_map <= now)) {
    const auto programs = programs_.find(run);
    const bool known = programs != programs_.end() && programs->second.contains(service);
    lease.next_map = now + (lease.map && !awaited ? kMapRefresh : kMapInterval);
    if (known) actions.push_back(AskMap{run, service});
  }
  const std::vector<uint16_t> pids = lease.Pids();
  if (pids.empty()) return;
  if (awaited) {
    actions.push_back(AskPid{run, pids.front()});
    return;
  }
  for (const uint16_t pid : pids) actions.push_back(AskPid{run, pid});
}

void Reception::CheckLease(Lease& lease, MonoTime now, Actions& actions) {
  CheckPatience(lease, now, actions);
  if (!lease.tuner || lease.next_question > now) return;
  Ask(lease, now, actions);
}

void Reception::ExpireLeases(MonoTime now, Actions& actions) {
  std::vector<uint32_t> over;
  for (const auto& [number, lease] : leases_) {
    const bool timed = lease.request.ttl > Duration::zero();
    const bool orphan = !timed && !watched_ &&
                        std::max(unwatched_since_, lease.renewed) + options_.orphan_timeout <= now;
    if (orphan || (timed && lease.renewed + lease.request.ttl <= now)) over.push_back(number);
  }
  for (const uint32_t number : over) Release(number, now, actions);
}

// Whoever has a tuner that is not there gets another one, if one is free.
void Reception::LeaveAbsent(size_t tuner, MonoTime now, Actions& actions) {
  const Tuner& gone = tuners_[tuner];
  if (gone.state() != TunerState::kAbsent || gone.carrier() == nullptr) return;
  const Carrier carrier = *gone.carrier();
  for (auto& [number, lease] : leases_) {
    if (lease.tuner != tuner) continue;
    const TunerChoice choice = ChooseTuner(
        Uses(), {&carrier, lease.request.service.whole_carrier(), lease.request.priority});
    const bool better =
        choice.kind == TunerChoice::Kind::kTake || choice.kind == TunerChoice::Kind::kShare;
    if (!better || choice.tuner == tuner) continue;
    Detach(lease, now, actions);
    Attach(lease, choice.tuner, carrier, now, actions);
  }
}

void Reception::OnTime(MonoTime now, Actions& actions) {
  for (size_t i = 0; i < tuners_.size(); ++i) {
    const bool due = tuners_[i].NextDeadline() <= now;
    const Tuner::Orders orders = tuners_[i].OnTime(next_run_, now);
    if (due || orders.start || orders.stop) Perform(i, orders, now, actions);
    FollowTuner(i, now);
  }
  // One that could be had instead may be free by now.
  for (size_t i = 0; i < tuners_.size(); ++i) LeaveAbsent(i, now, actions);
  ExpireLeases(now, actions);
  for (auto& [number, lease] : leases_) CheckLease(lease, now, actions);
  for (size_t i = 0; i < tuners_.size(); ++i) {
    if (tuners_[i].carrier() == nullptr || Needed(i)) continue;
    if (use_[i].idle_since + options_.retune_hold > now) continue;
    Perform(i, tuners_[i].Drop(now), now, actions);
  }
}

MonoTime Reception::DeadlineOf(const Lease& lease) const {
  MonoTime next = lease.next_question;
  if (lease.request.ttl > Duration::zero()) {
    next = std::min(next, lease.renewed + lease.request.ttl);
  } else if (!watched_) {
    next = std::min(next, std::max(unwatched_since_, lease.renewed) + options_.orphan_timeout);
  }
  if (!lease.tuner) return next;
  switch (lease.state) {
    case LeaseState::kTuning:
      if (tuners_[*lease.tuner].state() == TunerState::kAbsent) return lease.since;
      return std::min(next, lease.since + options_.lock_patience);
    case LeaseState::kLost:
      return std::min(next, lease.since + options_.lost_patience);
    case LeaseState::kLocked:
      return std::min(next, lease.since + options_.service_patience);
    default:
      return next;
  }
}

MonoTime Reception::NextDeadline() const {
  MonoTime next = kNever;
  for (const auto& [number, lease] : leases_) next = std::min(next, DeadlineOf(lease));
  for (size_t i = 0; i < tuners_.size(); ++i) {
    next = std::min(next, tuners_[i].NextDeadline());
    if (tuners_[i].carrier() != nullptr && !Needed(i)) {
      next = std::min(next, use_[i].idle_since + options_.retune_hold);
    }
  }
  return next;
}

}  // namespace headwater::tuner
