// The tuner of the simulated world, and what packagers hear of it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

constexpr Duration kLockDelay = 400ms;
constexpr Duration kTablesDelay = 50ms;

}  // namespace

void SimWorld::KillTuner() {
  tuner_ = {.up = false, .life = tuner_.life + 1};
  std::vector<uint32_t> numbers = Leases();
  leases_.clear();
  for (const uint32_t number : numbers) Feed(number);
  TellLater([](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnTunerDisconnected(now, out);
  });
}

void SimWorld::StartTuner() {
  tuner_.up = true;
  SnapshotTuner();
}

void SimWorld::SnapshotTuner() {
  TellLater(
      [](Reconciler& reconciler, const ClockPair&, Actions&) { reconciler.OnTunerConnected(); });
  for (const auto& [number, lease] : leases_) PublishLease(number);
  TellLater([](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnTunerSynced(now, out);
  });
}

void SimWorld::PublishLease(uint32_t number) {
  TellLater(
      [status = leases_.at(number).status](Reconciler& reconciler, const ClockPair& now,
                                           Actions& out) { reconciler.OnLease(status, now, out); });
}

void SimWorld::SetLease(uint32_t number, LeaseState state, const std::string& error,
                        const std::string& reason) {
  LeaseStatus& status = leases_.at(number).status;
  status.state = state;
  status.error = error;
  status.error_reason = reason;
  PublishLease(number);
  Feed(number);
}

void SimWorld::SetEvent(uint32_t number, const std::string& name, const std::string& title) {
  StreamInfo& info = leases_.at(number).status.info;
  info = {.name = name, .title = title, .url = {}, .began = Clocks().wall};
  PublishLease(number);
}

absl::Status SimWorld::Acquire(const LeaseSpec& spec) {
  if (!tuner_.up || ShouldFail("acquire")) return absl::UnavailableError("no tuner");
  if (const auto error = tuner_errors.find(spec.number); error != tuner_errors.end()) {
    return error->second;
  }
  if (const auto known = leases_.find(spec.number); known != leases_.end()) {
    if (known->second.status.state == LeaseState::kFailed) {
      broken_rules_.push_back("acquires a failed lease without giving it back");
    }
    known->second.spec = spec;
    Feed(spec.number);
    return absl::OkStatus();
  }
  std::map<std::string, bool> carriers;
  for (const auto& [number, lease] : leases_) {
    if (lease.status.state == LeaseState::kFailed) continue;
    carriers[lease.spec.service.carrier] |= lease.status.state != LeaseState::kTuning;
  }
  const auto tuned = carriers.find(spec.service.carrier);
  if (tuned == carriers.end() && carriers.size() >= options_.receivers) {
    return absl::ResourceExhaustedError("every tuner is taken");
  }
  RunningLease& lease = leases_[spec.number];
  lease.spec = spec;
  lease.status = {.number = spec.number,
                  .service = spec.service,
                  .holder = spec.holder,
                  .tuner = "adapter0",
                  .feed_source = "::1"};
  const bool locked = tuned != carriers.end() && tuned->second;
  if (locked) lease.status.state = LeaseState::kLocked;
  const Duration lock_delay = locked ? 0s : kLockDelay;
  if (!locked) {
    At(lock_delay, [this, number = spec.number, life = tuner_.life] {
      MoveLease(number, LeaseState::kLocked, life);
    });
  }
  At(lock_delay + kTablesDelay, [this, number = spec.number, life = tuner_.life] {
    MoveLease(number, LeaseState::kSending, life);
  });
  PublishLease(spec.number);
  return absl::OkStatus();
}

// The next step of tuning, unless it has come to something else.
void SimWorld::MoveLease(uint32_t number, LeaseState state, uint64_t life) {
  if (life != tuner_.life || !leases_.contains(number)) return;
  const LeaseState before = leases_.at(number).status.state;
  const bool follows =
      state == LeaseState::kLocked ? before == LeaseState::kTuning : before == LeaseState::kLocked;
  if (follows) SetLease(number, state);
}

void SimWorld::PerformAcquire(const AcquireLease& action) {
  const LeaseSpec& spec = action.spec;
  Note(fmt::format("acquire {:x} {} feed={} priority={}", spec.number, spec.service.carrier,
                   spec.feed, spec.priority));
  if (spec.feed.empty()) broken_rules_.push_back("a lease without a feed");
  TellLater([number = spec.number, status = Acquire(spec)](Reconciler& reconciler,
                                                           const ClockPair& now, Actions& out) {
    reconciler.OnLeaseAcquired(number, status, now, out);
  });
}

void SimWorld::PerformRelease(const ReleaseLease& action) {
  Note(fmt::format("release {:x}", action.number));
  const bool ok = tuner_.up && !ShouldFail("release");
  if (ok && leases_.erase(action.number) > 0) {
    Feed(action.number);
    TellLater([action](Reconciler& reconciler, const ClockPair& now, Actions& out) {
      reconciler.OnLeaseRemoved(action.number, now, out);
    });
  }
  TellLater([action, ok](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnLeaseReleased(action.number,
                               ok ? absl::OkStatus() : absl::UnavailableError("down"), now, out);
  });
}

void SimWorld::OpenFeed(size_t sender, RunningSession& session) {
  session.status.format = MediaFormat{.encoding = "MP2T", .payload_type = 33, .clock_rate = 90000};
  session.status.times.format_known = Clocks().wall;
  session.status.times.source_requested = absl::InfinitePast();
  for (const auto& [channel, other] : running_[sender]) {
    if (other.status.number == session.status.number && !other.status.feed.empty()) {
      session.status.feed = other.status.feed;
    }
  }
  if (session.status.feed.empty()) {
    session.status.feed = fmt::format("[::1]:{}", next_feed_port_++);
  }
}

void SimWorld::Feed(uint32_t number) {
  const auto lease = leases_.find(number);
  for (size_t sender = 0; sender < running_.size(); ++sender) {
    for (auto& [channel, session] : running_[sender]) {
      if (session.status.number != number) continue;
      const bool flows = lease != leases_.end() &&
                         lease->second.status.state == LeaseState::kSending &&
                         lease->second.spec.feed == session.status.feed &&
                         lease->second.status.feed_source == session.spec.feed_source;
      PackagerState& state = session.status.state;
      const PackagerState before = state;
      if (flows && state == PackagerState::kOpening) {
        state = PackagerState::kReady;
        session.ready_at = now_;
        StartSending(sender, channel);
      } else if (flows && state == PackagerState::kSilent) {
        state = PackagerState::kSending;
      } else if (!flows && state == PackagerState::kSending) {
        state = PackagerState::kSilent;
        session.status.error = "nothing comes from the tuner";
      }
      if (state != before) Publish(sender, channel);
    }
  }
}

const LeaseStatus* SimWorld::LeaseOf(uint32_t number) const {
  const auto lease = leases_.find(number);
  return lease == leases_.end() ? nullptr : &lease->second.status;
}

std::string SimWorld::FeedOf(uint32_t number) const {
  const auto lease = leases_.find(number);
  return lease == leases_.end() ? std::string() : lease->second.spec.feed;
}

std::vector<uint32_t> SimWorld::Leases() const {
  std::vector<uint32_t> numbers;
  for (const auto& [number, lease] : leases_) numbers.push_back(number);
  return numbers;
}

}  // namespace headwater::session_manager
