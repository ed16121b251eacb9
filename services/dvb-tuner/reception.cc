#include "services/dvb-tuner/reception.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/status_macros.h"

namespace headwater::tuner {

Reception::Reception(const ReceptionOptions& options, std::vector<TunerOptions> tuners)
    : options_(options), tuner_options_(std::move(tuners)), use_(tuner_options_.size()) {
  for (const TunerOptions& each : tuner_options_) tuners_.emplace_back(each, options);
}

void Reception::SetOptions(const ReceptionOptions& options) {
  options_ = options;
  for (Tuner& tuner : tuners_) tuner.SetTimes(options);
}

std::vector<TunerUse> Reception::Uses() const {
  std::vector<TunerUse> uses;
  for (size_t i = 0; i < tuners_.size(); ++i) {
    const Carrier* carrier = tuners_[i].carrier();
    uses.push_back({.options = &tuner_options_[i],
                    .carrier = carrier != nullptr ? carrier->id : "",
                    .scanning = scan_tuner_ == i,
                    .absent = tuners_[i].state() == TunerState::kAbsent,
                    .idle_since = use_[i].idle_since});
  }
  for (const auto& [number, lease] : leases_) {
    if (!lease.tuner) continue;
    TunerUse& use = uses[*lease.tuner];
    use.priority = std::max(use.priority.value_or(0), lease.request.priority);
  }
  return uses;
}

// "adapter0 has 12441V for 0xfb340001 Astra UHD (priority 50)"
std::string Reception::Holders(const Carrier& carrier, bool whole) const {
  std::string text;
  for (size_t i = 0; i < tuners_.size(); ++i) {
    if (!CanReceive(tuner_options_[i], carrier, whole)) continue;
    std::string holders;
    for (const auto& [number, lease] : leases_) {
      if (lease.tuner != i) continue;
      if (!holders.empty()) holders += ", ";
      holders += fmt::format("{} (priority {})", lease.request.holder, lease.request.priority);
    }
    const Carrier* has = tuners_[i].carrier();
    text += fmt::format("{}{} has {} for {}", text.empty() ? "" : "; ", tuner_options_[i].name,
                        has != nullptr ? has->id : "nothing", holders);
  }
  return text;
}

absl::Status Reception::Place(Lease& lease, const Carrier& carrier, MonoTime now,
                              Actions& actions) {
  const bool whole = lease.request.service.whole_carrier();
  const TunerChoice choice = ChooseTuner(Uses(), {&carrier, whole, lease.request.priority});
  switch (choice.kind) {
    case TunerChoice::Kind::kImpossible:
      ++stats_.refused_impossible;
      return absl::FailedPreconditionError(fmt::format("no tuner here can receive {}{} ({})",
                                                       whole ? "the whole of " : "", carrier.id,
                                                       Name(carrier.system)));
    case TunerChoice::Kind::kBusy:
      ++stats_.refused_busy;
      return absl::ResourceExhaustedError(
          fmt::format("every tuner for {} is taken: {}", carrier.id, Holders(carrier, whole)));
    case TunerChoice::Kind::kPreempt:
      Vacate(choice.tuner, lease.request.holder, now, actions);
      break;
    case TunerChoice::Kind::kShare:
    case TunerChoice::Kind::kTake:
      break;
  }
  lease.tuner = choice.tuner;
  return absl::OkStatus();
}

// The lease is one of leases_.
void Reception::Attach(Lease& lease, size_t tuner, const Carrier& carrier, MonoTime now,
                       Actions& actions) {
  lease.tuner = tuner;
  lease.configured = false;
  changed_leases_.insert(lease.request.number);
  const Tuner::Orders orders = tuners_[tuner].Assign(carrier, next_run_, now);
  lease.generation = ++use_[tuner].generation;
  Perform(tuner, orders, now, actions);
  const uint64_t run = tuners_[tuner].run();
  if (!orders.start && !orders.stop && run != 0) actions.push_back(Configure{tuner, run});
  FollowTuner(tuner, now);
}

// Takes it from whoever has it.
void Reception::Vacate(size_t tuner, const std::string& by, MonoTime now, Actions& actions) {
  if (scan_tuner_ == tuner) scan_tuner_.reset();
  for (auto& [number, lease] : leases_) {
    if (lease.tuner != tuner) continue;
    ++stats_.preempted;
    Fail(lease, "preempted", "its tuner was needed for " + by, now, actions);
  }
}

absl::Status Reception::Acquire(const LeaseRequest& request, const Carrier& carrier, MonoTime now,
                                Actions& actions) {
  const auto found = leases_.find(request.number);
  if (found != leases_.end()) {
    Lease& lease = found->second;
    if (lease.tuner && lease.request.service == request.service) {
      const bool moved =
          lease.request.feed != request.feed || lease.request.feed_source != request.feed_source;
      lease.request = request;
      lease.renewed = now;
      if (moved) Reconfigure(*lease.tuner, actions);
      changed_leases_.insert(request.number);
      return absl::OkStatus();
    }
  } else if (leases_.size() >= options_.leases_max) {
    return absl::ResourceExhaustedError(fmt::format("{} leases are given", options_.leases_max));
  }
  Lease lease = {.request = request, .begun = now, .since = now, .renewed = now};
  // What the number has now goes first: its tuner may be the one that is needed.
  if (found != leases_.end()) Detach(found->second, now, actions);
  if (absl::Status placed = Place(lease, carrier, now, actions); !placed.ok()) {
    if (found != leases_.end()) {
      leases_.erase(found);
      changed_leases_.insert(request.number);
    }
    return placed;
  }
  const size_t tuner = *lease.tuner;
  Lease& given = leases_.insert_or_assign(request.number, std::move(lease)).first->second;
  Attach(given, tuner, carrier, now, actions);
  return absl::OkStatus();
}

void Reception::Release(uint32_t number, MonoTime now, Actions& actions) {
  const auto found = leases_.find(number);
  if (found == leases_.end()) return;
  Detach(found->second, now, actions);
  leases_.erase(found);
  changed_leases_.insert(number);
}

void Reception::Detach(Lease& lease, MonoTime now, Actions& actions) {
  if (!lease.tuner) return;
  const size_t tuner = *lease.tuner;
  lease.tuner.reset();
  if (!Needed(tuner)) use_[tuner].idle_since = now;
  Reconfigure(tuner, actions);
}

void Reception::Fail(Lease& lease, std::string_view reason, std::string error, MonoTime now,
                     Actions& actions) {
  if (lease.state == LeaseState::kFailed) return;
  SetState(lease, LeaseState::kFailed, now);
  lease.error_reason = reason;
  lease.error = std::move(error);
  const auto counted = stats_.failed.find(reason);
  if (counted != stats_.failed.end()) {
    ++counted->second;
  } else {
    stats_.failed.emplace(reason, 1);
  }
  Detach(lease, now, actions);
}

void Reception::SetState(Lease& lease, LeaseState state, MonoTime now) {
  if (lease.state == state) return;
  lease.state = state;
  lease.since = now;
  lease.next_question = state == LeaseState::kLocked ? now : kNever;
  lease.pids_seen.clear();
  lease.scrambled_since.reset();
  if (state == LeaseState::kLocked || state == LeaseState::kSending) {
    lease.error.clear();
    lease.error_reason.clear();
  }
  if (state == LeaseState::kLocked && !lease.locked) lease.locked = now;
  if (state == LeaseState::kSending && !lease.sent) {
    lease.sent = now;
    start_times_.push_back(now - lease.begun);
  }
  changed_leases_.insert(lease.request.number);
}

void Reception::Reconfigure(size_t tuner, Actions& actions) {
  tuners_changed_ = true;
  ++use_[tuner].generation;
  const uint64_t run = tuners_[tuner].run();
  if (run == 0) return;
  actions.push_back(Configure{tuner, run});
}

std::vector<DvblastOutput> Reception::Outputs(size_t tuner) const {
  std::vector<DvblastOutput> outputs;
  // What is ending is tuned to something else.
  if (tuners_[tuner].state() == TunerState::kClosing) return outputs;
  for (const auto& [number, lease] : leases_) {
    if (lease.tuner != tuner) continue;
    const WantedService& service = lease.request.service;
    outputs.push_back({.to = lease.request.feed,
                       .from = lease.request.feed_source,
                       .whole = service.whole_carrier(),
                       .service_id = service.service_id,
                       .pids = service.pids});
  }
  return outputs;
}

std::vector<uint32_t> Reception::NumbersOf(size_t tuner) const {
  std::vector<uint32_t> numbers;
  for (const auto& [number, lease] : leases_) {
    if (lease.tuner == tuner) numbers.push_back(number);
  }
  return numbers;
}

bool Reception::Needed(size_t tuner) const {
  if (scan_tuner_ == tuner) return true;
  return std::ranges::any_of(leases_, [&](const auto& each) { return each.second.tuner == tuner; });
}

absl::Status Reception::TakeForScan(const Carrier& carrier, MonoTime now, Actions& actions) {
  EndScan(now, actions);
  const TunerChoice choice = ChooseTuner(Uses(), {&carrier, false, std::nullopt});
  if (choice.kind == TunerChoice::Kind::kImpossible) {
    return absl::FailedPreconditionError(
        fmt::format("no tuner here can receive {} ({})", carrier.id, Name(carrier.system)));
  }
  if (choice.kind == TunerChoice::Kind::kBusy) {
    return absl::ResourceExhaustedError(
        fmt::format("every tuner for {} is taken: {}", carrier.id, Holders(carrier, false)));
  }
  scan_tuner_ = choice.tuner;
  Perform(choice.tuner, tuners_[choice.tuner].Assign(carrier, next_run_, now), now, actions);
  return absl::OkStatus();
}

void Reception::EndScan(MonoTime now, Actions&) {
  if (!scan_tuner_) return;
  const size_t tuner = *std::exchange(scan_tuner_, std::nullopt);
  if (!Needed(tuner)) use_[tuner].idle_since = now;
}

void Reception::SetWatched(bool watched, MonoTime now) {
  if (watched_ && !watched) unwatched_since_ = now;
  watched_ = watched;
}

std::optional<size_t> Reception::IndexOfRun(uint64_t run) const {
  for (size_t i = 0; i < tuners_.size(); ++i) {
    if (run != 0 && tuners_[i].run() == run) return i;
  }
  return std::nullopt;
}

const Tuner* Reception::TunerOfRun(uint64_t run) const {
  const auto index = IndexOfRun(run);
  return index ? &tuners_[*index] : nullptr;
}

}  // namespace headwater::tuner
