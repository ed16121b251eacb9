#include "services/session-manager/checker.h"

#include <algorithm>
#include <string>
#include <utility>

namespace headwater::session_manager {

CheckWorld WorldOf(const Reconciler& reconciler) {
  CheckWorld world;
  for (const auto& [channel, session] : reconciler.sessions()) {
    world.starting |= session.state == State::kResolving || session.state == State::kStarting;
    if (session.state != State::kIdle) world.served.insert(session.number);
  }
  for (size_t i = 0; i < reconciler.senders() && !world.sender; ++i) {
    const Sender& sender = reconciler.sender(i);
    if (sender.packager_ready() && !sender.drained) world.sender = i;
  }
  return world;
}

Checker::Checker(Duration period, MonoTime now) : period_(period) { Rest(now); }

void Checker::SetPeriod(Duration period, MonoTime now) {
  if (period == period_) return;
  period_ = period;
  if (!awaiting_ && !due_) Rest(now);
}

void Checker::Rest(MonoTime now) {
  due_.reset();
  next_ = period_ > 0s ? now + period_ : kNever;
}

void Checker::OnTime(const CheckWorld& world, MonoTime now, CheckerActions& out) {
  if (now < next_) return;
  if (world.starting || !world.sender) {
    next_ = now + kPatience;
    return;
  }
  next_ = kNever;
  awaiting_ = true;
  if (!due_) {
    out.push_back(AskDue{});
    return;
  }
  const Station& station = due_->station;
  out.push_back(ProbeSource{.number = station.number,
                            .sender = *world.sender,
                            .url = station.urls[next_url_++],
                            .local = due_->local});
}

void Checker::OnDue(absl::StatusOr<std::optional<DueStation>> due, const CheckWorld& world,
                    MonoTime now, CheckerActions& out) {
  awaiting_ = false;
  const bool can_be_checked = due.ok() && *due && !(*due)->station.urls.empty() &&
                              !world.served.contains((*due)->station.number);
  if (!can_be_checked) return Rest(now);
  due_ = *std::move(due);
  next_url_ = 0;
  next_ = now;
  OnTime(world, now, out);
}

void Checker::OnProbed(const absl::StatusOr<Probed>& probed, const CheckWorld& world, MonoTime now,
                       CheckerActions& out) {
  awaiting_ = false;
  const Station& station = due_->station;
  if (probed.ok()) {
    out.push_back(ReportCheck{.number = station.number, .format = probed->format, .error = {}});
    return Rest(now);
  }
  if (!IsOfSource(probed.status())) return Rest(now);
  if (next_url_ < std::min(station.urls.size(), kProbedUrlsMax)) {
    next_ = now;
    return OnTime(world, now, out);
  }
  out.push_back(ReportCheck{.number = station.number,
                            .format = std::nullopt,
                            .error = std::string(probed.status().message())});
  Rest(now);
}

}  // namespace headwater::session_manager
