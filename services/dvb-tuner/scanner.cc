#include "services/dvb-tuner/scanner.h"

#include <fmt/format.h>

#include "services/common/base/absl_text.h"

namespace headwater::tuner {
namespace {

// Between looks while there is something to wait for.
constexpr Duration kLookInterval = 100ms;

}  // namespace

absl::StatusOr<Scanner> Scanner::Begin(const ScanRequest& request, Lineup& lineup, MonoTime now) {
  Scanner scanner(request, lineup);
  scanner.since_ = scanner.deadline_ = now;
  for (const std::string& id : request.carriers) {
    if (lineup.Find(id) == nullptr) {
      return absl::NotFoundError(fmt::format("no carrier \"{}\"", id));
    }
    if (scanner.queued_.insert(id).second) scanner.waiting_.push_back(id);
  }
  if (request.carriers.empty()) {
    for (const auto& [id, entry] : lineup.carriers()) {
      if (entry.in_file && scanner.queued_.insert(id).second) scanner.waiting_.push_back(id);
    }
  }
  if (scanner.waiting_.empty()) {
    return absl::FailedPreconditionError("no carriers to begin with: the carriers file has none");
  }
  return scanner;
}

void Scanner::Follow(const LineupCarrier& from) {
  if (!request_.follow) return;
  for (const std::string& id : from.listed) {
    if (queued_.size() >= kCarriersMax) return;
    if (queued_.insert(id).second) waiting_.push_back(id);
  }
}

void Scanner::EndStep(std::string error, const Signal& signal, std::vector<ScanStep>& steps) {
  ++done_;
  if (!error.empty()) ++failed_;
  const LineupCarrier* entry = target().Find(current_);
  if (entry != nullptr) Follow(*entry);
  steps.push_back({.carrier = current_,
                   .done = done_,
                   .total = queued_.size(),
                   .error = std::move(error),
                   .signal = signal,
                   .services = entry != nullptr ? entry->services.size() : 0});
  current_.clear();
}

void Scanner::TakeNext(MonoTime now, Reception& reception, std::vector<ScanStep>& steps,
                       Actions& actions) {
  while (!waiting_.empty()) {
    current_ = waiting_.front();
    const LineupCarrier* entry = target().Find(current_);
    absl::Status taken = entry == nullptr ? absl::NotFoundError("the file has it no longer")
                                          : reception.TakeForScan(entry->carrier, now, actions);
    if (absl::IsResourceExhausted(taken) && now - since_ < kTunerPatience) {
      current_.clear();
      deadline_ = now + kLookInterval;
      return;
    }
    waiting_.pop_front();
    since_ = now;
    locked_ = false;
    deadline_ = now + kLookInterval;
    if (taken.ok()) return;
    EndStep(std::string(FromAbsl(taken.message())), {}, steps);
  }
  finished_ = true;
  deadline_ = kNever;
  reception.EndScan(now, actions);
}

void Scanner::Look(MonoTime now, Reception& reception, const SiCollector* collector,
                   std::vector<ScanStep>& steps) {
  deadline_ = now + kLookInterval;
  const auto index = reception.scan_tuner();
  if (!index) {
    // Taken away.
    if (repeated_.insert(current_).second) {
      waiting_.push_back(current_);
      current_.clear();
    } else {
      EndStep("its tuner was needed", {}, steps);
    }
    since_ = now;
    return;
  }
  const Tuner& tuner = reception.tuners()[*index];
  const bool ours = tuner.carrier() != nullptr && tuner.carrier()->id == current_;
  const bool locked = ours && tuner.state() == TunerState::kLocked;
  if (locked && !locked_) {
    locked_ = true;
    since_ = now;
  }
  const bool broken = tuner.state() == TunerState::kBackoff || tuner.state() == TunerState::kAbsent;
  if (!locked_) {
    if (!broken && now - since_ < kLockPatience) return;
    EndStep(tuner.error().empty() ? "no lock" : tuner.error(), tuner.signal(), steps);
  } else if (collector != nullptr && collector->has_programs() && collector->has_services() &&
             (collector->has_network() || !request_.follow)) {
    EndStep("", tuner.signal(), steps);
  } else if (now - since_ >= kTablesPatience) {
    const bool some = collector != nullptr && collector->has_programs();
    EndStep(some ? "" : "no tables", tuner.signal(), steps);
  } else {
    return;
  }
  since_ = now;
}

void Scanner::OnTime(MonoTime now, Reception& reception, const SiCollector* collector,
                     std::vector<ScanStep>& steps, Actions& actions) {
  if (finished_ || now < deadline_) return;
  if (!current_.empty()) Look(now, reception, collector, steps);
  if (current_.empty()) TakeNext(now, reception, steps, actions);
}

ScanResult Scanner::Result() const {
  return {.changes = Lineup::Difference(before_, target()),
          .carriers = target().carriers().size(),
          .services = target().service_count(),
          .failed = failed_};
}

}  // namespace headwater::tuner
