// The tuner's leases: one a number of a DVB station, as long as a session of that number runs.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {
namespace {

constexpr char kNotConnected[] = "dvb-tuner is not connected";

std::string HolderOf(uint32_t number) { return fmt::format("{:#010x}", number); }

// Asked for by a manager, this one before a restart; people's tools hold leases of their own.
bool IsOurs(const LeaseStatus& lease) { return lease.holder.starts_with(HolderOf(lease.number)); }

bool HasLocked(LeaseState state) {
  return state == LeaseState::kLocked || state == LeaseState::kSending;
}

}  // namespace

void Reconciler::OnTunerConnected() {
  tuner_.synced = false;
  for (auto& [number, lease] : tuner_.leases) lease.outlet.OnConnected();
}

void Reconciler::OnLease(LeaseStatus status, const ClockPair& now, Actions& out) {
  Begin(now, out);
  const uint32_t number = status.number;
  LeaseOutlet& outlet = tuner_.leases[number].outlet;
  const bool has_locked = HasLocked(status.state);
  const bool had_locked = outlet.status() && HasLocked(outlet.status()->state);
  const std::string carrier = status.service.carrier;
  outlet.OnStatus(std::move(status));
  // Other services of a carrier can share what is tuned to it.
  if (has_locked && !had_locked) WakeWaitingForTuner(std::nullopt, carrier);
  MarkNumber(number);
  Finish();
}

void Reconciler::OnLeaseRemoved(uint32_t number, const ClockPair& now, Actions& out) {
  Begin(now, out);
  const auto lease = tuner_.leases.find(number);
  if (lease != tuner_.leases.end()) lease->second.outlet.OnRemoved();
  // Its tuner may be free for another. A session whose own lease has failed waits its time.
  WakeWaitingForTuner(number, {});
  MarkNumber(number);
  Finish();
}

void Reconciler::OnTunerSynced(const ClockPair& now, Actions& out) {
  Begin(now, out);
  tuner_.synced = true;
  for (auto& [number, lease] : tuner_.leases) lease.outlet.OnSynced();
  WakeWaitingForTuner(std::nullopt, {});
  MarkAll();
  Finish();
}

void Reconciler::OnTunerDisconnected(const ClockPair& now, Actions& out) {
  Begin(now, out);
  tuner_.synced = false;
  for (auto& [number, lease] : tuner_.leases) lease.wake = kNever;
  Finish();
}

void Reconciler::OnLeaseAcquired(uint32_t number, const absl::Status& status, const ClockPair& now,
                                 Actions& out) {
  Begin(now, out);
  LeaseOutlet& outlet = tuner_.leases[number].outlet;
  outlet.OnApplied(status.ok(), now.mono);
  // What will not be better in a moment ends the session; the rest is asked again.
  const bool final = absl::IsNotFound(status) || absl::IsInvalidArgument(status) ||
                     absl::IsResourceExhausted(status) || absl::IsFailedPrecondition(status) ||
                     absl::IsUnimplemented(status);
  const bool has_lease = outlet.status() && outlet.status()->state != LeaseState::kFailed;
  const std::string text = "tuner: " + std::string(status.message());
  for (auto& [channel, session] : sessions_) {
    if (status.ok() || session.number != number || !IsActive(session.state)) continue;
    if (session.state == State::kStarting) {
      session.error = text;
    } else if (has_lease) {
      // What runs outlives a refused change.
      continue;
    }
    if (final) FailByTuner(session, absl::IsResourceExhausted(status), text);
  }
  MarkNumber(number);
  Finish();
}

void Reconciler::OnLeaseReleased(uint32_t number, const absl::Status& status, const ClockPair& now,
                                 Actions& out) {
  Begin(now, out);
  tuner_.leases[number].outlet.OnStopped(status.ok(), now.mono);
  MarkNumber(number);
  Finish();
}

void Reconciler::MarkNumber(uint32_t number) {
  dirty_leases_.insert(number);
  for (const auto& [channel, session] : sessions_) {
    if (session.number == number) dirty_.insert(channel);
  }
}

// Null while it is being given back, or is one that failed before we asked for it.
const LeaseStatus* Reconciler::LeaseOf(const Session& session) const {
  const auto lease = tuner_.leases.find(session.number);
  if (lease == tuner_.leases.end()) return nullptr;
  const LeaseOutlet& outlet = lease->second.outlet;
  if (!outlet.status() || outlet.stopping()) return nullptr;
  const LeaseStatus& status = *outlet.status();
  return status.state == LeaseState::kFailed && !outlet.told() ? nullptr : &status;
}

// Of a session that runs. True: it does no longer.
bool Reconciler::AdvanceLease(Session& session) {
  if (!session.is_dvb()) return false;
  if (!session.station->dvb) {
    return FailByTuner(session, false, "the station names no DVB service");
  }
  const LeaseStatus* lease = LeaseOf(session);
  if (lease == nullptr) {
    if (!tuner_.synced && session.state == State::kStarting) {
      session.error = kNotConnected;
    }
    return false;
  }
  ReadLease(session, *lease);
  if (lease->state != LeaseState::kFailed) return false;
  const bool is_taken = lease->error_reason == "no_tuner" || lease->error_reason == "preempted";
  return FailByTuner(session, is_taken, "tuner: " + lease->error);
}

void Reconciler::ReadLease(Session& session, const LeaseStatus& lease) {
  if (session.error == kNotConnected) session.error.clear();
  if (!lease.feed_source.empty()) session.feed_source = lease.feed_source;
  // What it will be announced as is known all along; a tuner that has locked makes it worth
  // announcing, so that players are ready when the first packet comes.
  if (session.state == State::kStarting && HasLocked(lease.state)) session.expected = true;
  if (session.lease == lease.state) return;
  TellLease(session, lease);
  session.lease = lease.state;
}

void Reconciler::TellLease(Session& session, const LeaseStatus& lease) {
  const std::string where = fmt::format("{} on {}", lease.service.carrier, lease.tuner);
  switch (lease.state) {
    case LeaseState::kTuning:
      return Step(session, "tuner", "tuning to " + where);
    case LeaseState::kLocked:
      return Step(session, "tuner", "locked: " + where);
    case LeaseState::kSending:
      return Step(session, "tuner", "sends: " + where);
    case LeaseState::kLost:
      return Step(session, "tuner", fmt::format("lost: {}: {}", where, lease.error));
    case LeaseState::kFailed:
      return Step(session, "tuner", "failed: " + lease.error);
  }
}

bool Reconciler::FailByTuner(Session& session, bool is_taken, std::string reason) {
  if (!Fail(session, Event::kFailed, "tuner", std::move(reason))) return false;
  if (session.state == State::kFailed && is_taken) {
    session.waiting = next_waiting_++;
    waiting_tuner_.emplace(session.waiting, session.channel);
    FreeTuner(session.channel);
  }
  return true;
}

// A carrier on which sessions only linger is worth less than a listener who waits for a tuner, as
// everyone does who switches channels with one tuner. The end of its leases wakes those who wait.
void Reconciler::FreeTuner(const Channel& successor) {
  std::set<std::string> heard;
  std::map<std::string, std::vector<Session*>> lingering;
  for (auto& [channel, session] : sessions_) {
    const LeaseStatus* lease = IsActive(session.state) ? LeaseOf(session) : nullptr;
    if (lease == nullptr) continue;
    const bool lingers = session.state == State::kLingering && !session.HasPresent();
    if (lingers) lingering[lease->service.carrier].push_back(&session);
    if (!lingers) heard.insert(lease->service.carrier);
  }
  std::erase_if(lingering, [&](const auto& entry) { return heard.contains(entry.first); });
  const auto since = [](const auto& entry) {
    return std::ranges::max(entry.second, {}, &Session::since)->since;
  };
  const auto oldest = std::ranges::min_element(lingering, {}, since);
  if (oldest == lingering.end()) return;
  for (Session* session : oldest->second) EndEarly(*session, successor);
}

// Those that have waited longest for a tuner are tried again: all but those of one number, or those
// of one carrier.
void Reconciler::WakeWaitingForTuner(std::optional<uint32_t> except, const std::string& carrier) {
  size_t woken = 0;
  for (const auto& [place, channel] : waiting_tuner_) {
    Session& session = sessions_.at(channel);
    if (session.number == except) continue;
    const bool fits = carrier.empty() || (session.station && session.station->dvb &&
                                          session.station->dvb->carrier == carrier);
    if (!fits) continue;
    if (woken++ == kWokenPerRelease) break;
    session.retry_at = now_.mono;
    dirty_.insert(channel);
  }
}

// A lease has one feed, so all sessions of its number are at one sender.
std::optional<size_t> Reconciler::SenderOfNumber(const Session& session) const {
  if (!session.is_dvb()) return std::nullopt;
  for (const auto& [channel, other] : sessions_) {
    const bool runs = other.number == session.number && IsActive(other.state);
    if (!runs || other.channel == session.channel || IsGone(*other.sender)) continue;
    return other.move ? other.move->to : other.sender;
  }
  return std::nullopt;
}

std::optional<LeaseSpec> Reconciler::WantedLease(uint32_t number) const {
  for (const auto& [channel, session] : sessions_) {
    const bool wants = session.number == number && IsActive(session.state) && session.is_dvb();
    if (!wants || !session.station->dvb || session.feed.empty()) continue;
    return LeaseSpec{.number = number,
                     .service = *session.station->dvb,
                     .feed = session.feed,
                     .priority = DirectoryOf(number).priority,
                     .holder = HolderOf(number) + " " + session.station->title};
  }
  return std::nullopt;
}

// Neither changed nor given back while it is open what its session will want.
bool Reconciler::IsLeaseHeld(uint32_t number) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
    const Session& session = entry.second;
    return session.number == number && (IsActive(session.state) || IsHeld(session));
  });
}

void Reconciler::DriveLease(uint32_t number) {
  if (!tuner_.synced) return;
  const std::optional<LeaseSpec> wanted = WantedLease(number);
  if (!wanted && (!tuner_.leases.contains(number) || IsLeaseHeld(number))) return;
  Tuner::Lease& lease = tuner_.leases[number];
  LeaseOutlet& outlet = lease.outlet;
  const bool may_stop = outlet.told() || (settled_ && outlet.status() && IsOurs(*outlet.status()));
  switch (outlet.Next(wanted ? &*wanted : nullptr, may_stop, now_.mono)) {
    case OutletStep::kNothing:
      break;
    case OutletStep::kForget:
      tuner_.leases.erase(number);
      return;
    case OutletStep::kStop:
      outlet.BeginStop();
      Emit(ReleaseLease{number});
      break;
    case OutletStep::kApply:
      outlet.BeginApply(*wanted);
      Emit(AcquireLease{*wanted});
      break;
  }
  const MonoTime next = outlet.NextDeadline(wanted.has_value());
  lease.wake = next > now_.mono ? next : kNever;
}

}  // namespace headwater::session_manager
