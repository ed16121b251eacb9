// What the world tells the reconciler: each input notes it and looks again at the channels that it
// may concern.
#include <algorithm>
#include <utility>

#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {

void Reconciler::Begin(const ClockPair& now, Actions& out) {
  now_ = now;
  out_ = &out;
}

void Reconciler::Finish() {
  // Driving a session may make room for others, which marks them.
  while (!dirty_.empty()) {
    const Channel channel = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    Drive(channel);
  }
  // Once all that share one have said what they want.
  for (const uint32_t number : std::exchange(dirty_leases_, {})) DriveLease(number);
  out_ = nullptr;
}

void Reconciler::SetOptions(const ReconcilerOptions& options, const ClockPair& now, Actions& out) {
  Begin(now, out);
  options_ = options;
  backoff_.SetOptions(options);
  admission_.SetOptions(options);
  membership_.SetListenerInterval(options.listener_interval);
  for (const auto& [place, channel] : waiting_) sessions_.at(channel).retry_at = now_.mono;
  MarkAll();
  Finish();
}

void Reconciler::AddSender(const std::string& name) {
  senders_.emplace_back();
  sender_names_.push_back(name);
}

void Reconciler::MarkGroup(const IpAddress& group) {
  if (!group.IsSsmGroup()) {
    dirty_.insert({.group = group, .source = std::nullopt});
    return;
  }
  for (const Sender& sender : senders_) {
    for (const Leg& leg : sender.legs) {
      const auto& ours = group.is_v4() ? leg.service_address_ipv4 : leg.service_address_ipv6;
      if (ours) dirty_.insert({.group = group, .source = ours});
    }
  }
}

void Reconciler::MarkGroups(const MembershipView::Groups& groups) {
  for (const IpAddress& group : groups) MarkGroup(group);
}

void Reconciler::MarkAll() {
  for (const IpAddress& group : membership_.AllGroups()) MarkGroup(group);
  for (const auto& [channel, session] : sessions_) dirty_.insert(channel);
  for (const Sender& sender : senders_) {
    for (const auto& [channel, outlet] : sender.sessions) dirty_.insert(channel);
    for (const auto& [channel, outlet] : sender.announcements) dirty_.insert(channel);
  }
  for (const auto& [number, lease] : tuner_.leases) dirty_leases_.insert(number);
}

void Reconciler::CheckClaims() {
  std::set<std::string> claims;
  for (const std::string& link : membership_.DoublyClaimed()) {
    if (!doubly_claimed_links_.contains(link)) {
      Emit(Alarm{"link " + link + " is claimed by several membership-watchers"});
    }
    claims.insert(link);
  }
  doubly_claimed_links_ = std::move(claims);
}

void Reconciler::UpdateSettled() {
  if (settled_) return;
  if (!membership_.AllSynced() && now_.mono < started_ + options_.listener_interval) return;
  settled_ = true;
  MarkAll();
}

void Reconciler::OnWatcherConnected(size_t watcher, const ClockPair& now, Actions& out) {
  Begin(now, out);
  membership_.OnConnected(watcher, now.mono);
  Finish();
}

void Reconciler::OnLink(size_t watcher, const std::string& link, LinkSync sync,
                        const ClockPair& now, Actions& out) {
  Begin(now, out);
  MembershipView::Groups changed;
  membership_.OnLink(watcher, link, sync, now.mono, changed);
  MarkGroups(changed);
  CheckClaims();
  UpdateSettled();
  Finish();
}

void Reconciler::OnGroup(size_t watcher, const GroupRecord& record, const ClockPair& now,
                         Actions& out) {
  Begin(now, out);
  MembershipView::Groups changed;
  membership_.OnGroup(watcher, record, changed);
  MarkGroups(changed);
  Finish();
}

void Reconciler::OnGroupRemoved(size_t watcher, const std::string& link, const IpAddress& group,
                                const ClockPair& now, Actions& out) {
  Begin(now, out);
  MembershipView::Groups changed;
  membership_.OnRemoved(watcher, link, group, changed);
  MarkGroups(changed);
  Finish();
}

void Reconciler::OnWatcherSynced(size_t watcher, const ClockPair& now, Actions& out) {
  Begin(now, out);
  MembershipView::Groups changed;
  membership_.OnSynced(watcher, now.mono, changed);
  MarkGroups(changed);
  CheckClaims();
  UpdateSettled();
  Finish();
}

void Reconciler::OnWatcherDisconnected(size_t watcher, const ClockPair& now, Actions& out) {
  Begin(now, out);
  membership_.OnDisconnected(watcher, now.mono);
  CheckClaims();
  Finish();
}

void Reconciler::OnPlan(NumberPlan plan, const ClockPair& now, Actions& out) {
  Begin(now, out);
  plan_ = std::move(plan);
  stations_.Clear();
  MarkAll();
  Finish();
}

void Reconciler::OnResolved(uint32_t number, absl::StatusOr<Station> answer, const ClockPair& now,
                            Actions& out) {
  Begin(now, out);
  const absl::Status status = answer.status();
  if (answer.ok()) {
    stations_.OnStation(number, *std::move(answer), now.mono);
  } else {
    stations_.OnFailure(number, now.mono);
  }
  // What will not be better in a moment ends the start; the rest is asked again until the time is
  // over.
  const bool final = !status.ok() && !absl::IsUnavailable(status) &&
                     !absl::IsDeadlineExceeded(status) && !absl::IsCancelled(status);
  for (auto& [channel, session] : sessions_) {
    if (session.number != number || session.station) continue;
    if (!status.ok()) session.error = "resolving: " + std::string(status.message());
    if (final && session.state == State::kResolving) {
      Fail(session, Event::kRefused, "resolve", session.error);
    }
    dirty_.insert(channel);
  }
  Finish();
}

void Reconciler::OnPackagerConnected(size_t sender) {
  senders_[sender].packager_synced = false;
  for (auto& [channel, outlet] : senders_[sender].sessions) outlet.OnConnected();
}

void Reconciler::OnPackagerSession(size_t sender, PackagerStatus status, const ClockPair& now,
                                   Actions& out) {
  Begin(now, out);
  const Channel channel = status.channel;
  senders_[sender].sessions[channel].OnStatus(std::move(status));
  dirty_.insert(channel);
  Finish();
}

void Reconciler::OnPackagerRemoved(size_t sender, const Channel& channel, const ClockPair& now,
                                   Actions& out) {
  Begin(now, out);
  const auto outlet = senders_[sender].sessions.find(channel);
  if (outlet != senders_[sender].sessions.end()) outlet->second.OnRemoved();
  dirty_.insert(channel);
  Finish();
}

void Reconciler::OnPackagerSynced(size_t sender, const ClockPair& now, Actions& out) {
  Begin(now, out);
  senders_[sender].packager_synced = true;
  senders_[sender].away_since = kNever;
  for (auto& [channel, outlet] : senders_[sender].sessions) outlet.OnSynced();
  RetryUnplaced();
  MarkAll();
  Finish();
}

void Reconciler::OnPackagerDisconnected(size_t sender, const ClockPair& now, Actions& out) {
  Begin(now, out);
  senders_[sender].packager_synced = false;
  senders_[sender].away_since = now_.mono;
  for (const auto& [channel, session] : sessions_) {
    if (session.sender == sender || IsSuccessor(session, sender)) dirty_.insert(channel);
  }
  Finish();
}

void Reconciler::OnLegs(size_t sender, std::vector<Leg> legs, size_t capacity, const ClockPair& now,
                        Actions& out) {
  Begin(now, out);
  senders_[sender].legs = std::move(legs);
  senders_[sender].capacity = capacity;
  senders_[sender].legs_known = true;
  std::erase_if(unserved_links_, [this](const std::string& link) {
    return std::any_of(senders_.begin(), senders_.end(),
                       [&](const Sender& each) { return each.HasLegUp(link); });
  });
  RetryUnplaced();
  MarkAll();
  Finish();
}

void Reconciler::RetryUnplaced() {
  for (auto& [channel, session] : sessions_) {
    const bool unplaced = session.failure == "no_sender" || session.failure == "packager";
    if (session.state == State::kFailed && unplaced) session.retry_at = now_.mono;
  }
  WakeWaiting();
}

void Reconciler::OnSessionApplied(size_t sender, const Channel& channel, const absl::Status& status,
                                  const ClockPair& now, Actions& out) {
  Begin(now, out);
  senders_[sender].sessions[channel].OnApplied(status.ok(), now.mono);
  const auto session = sessions_.find(channel);
  const bool final = absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status) ||
                     absl::IsFailedPrecondition(status) || absl::IsUnimplemented(status);
  if (session != sessions_.end() && final && IsSuccessor(session->second, sender)) {
    GiveUpMove(session->second, std::string(status.message()));
  }
  if (!status.ok() && session != sessions_.end() && session->second.sender == sender) {
    session->second.error = "packager: " + std::string(status.message());
    // A running session outlives a refused change; a start does not.
    if (final && session->second.state == State::kStarting) {
      Fail(session->second, Event::kFailed, "packager", session->second.error);
    }
  }
  dirty_.insert(channel);
  Finish();
}

void Reconciler::OnSessionStopped(size_t sender, const Channel& channel,
                                  const absl::StatusOr<SessionEnd>& answer, const ClockPair& now,
                                  Actions& out) {
  Begin(now, out);
  senders_[sender].sessions[channel].OnStopped(answer.ok(), now.mono);
  const auto session = sessions_.find(channel);
  if (session != sessions_.end() && session->second.sender == sender && session->second.move &&
      session->second.move->is_handing_over) {
    FinishMove(session->second, answer);
  }
  if (answer.ok() && session != sessions_.end() && session->second.left &&
      session->second.state == State::kIdle) {
    Emit(Measured{Latency::kLeaveToStop, now.wall - *session->second.left});
    session->second.left.reset();
  }
  dirty_.insert(channel);
  Finish();
}

void Reconciler::OnAnnouncerConnected(size_t sender) {
  senders_[sender].announcer_synced = false;
  for (auto& [channel, outlet] : senders_[sender].announcements) outlet.OnConnected();
}

void Reconciler::OnAnnouncement(size_t sender, AnnouncementStatus status, const ClockPair& now,
                                Actions& out) {
  Begin(now, out);
  const Channel channel = status.announcement.channel;
  senders_[sender].announcements[channel].OnStatus(std::move(status));
  dirty_.insert(channel);
  Finish();
}

void Reconciler::OnAnnouncementRemoved(size_t sender, const Channel& channel, const ClockPair& now,
                                       Actions& out) {
  Begin(now, out);
  const auto outlet = senders_[sender].announcements.find(channel);
  if (outlet != senders_[sender].announcements.end()) outlet->second.OnRemoved();
  dirty_.insert(channel);
  Finish();
}

void Reconciler::OnAnnouncerSynced(size_t sender, const ClockPair& now, Actions& out) {
  Begin(now, out);
  senders_[sender].announcer_synced = true;
  for (auto& [channel, outlet] : senders_[sender].announcements) outlet.OnSynced();
  MarkAll();
  Finish();
}

void Reconciler::OnAnnouncerDisconnected(size_t sender, const ClockPair& now, Actions& out) {
  Begin(now, out);
  senders_[sender].announcer_synced = false;
  Finish();
}

void Reconciler::OnAnnouncementApplied(size_t sender, const Channel& channel,
                                       const absl::StatusOr<AnnouncementSent>& answer,
                                       const ClockPair& now, Actions& out) {
  Begin(now, out);
  AnnouncerOutlet& outlet = senders_[sender].announcements[channel];
  outlet.OnApplied(answer.ok(), now.mono);
  const auto found = sessions_.find(channel);
  dirty_.insert(channel);
  if (found == sessions_.end() || found->second.sender != sender ||
      !IsActive(found->second.state)) {
    Finish();
    return;
  }
  Session& session = found->second;
  if (!answer.ok()) {
    Finish();
    return;
  }
  session.origin = answer->origin;
  session.announced_info = outlet.accepted()->info;
  if (!session.announced) {
    session.announced = true;
    session.timeline.Add(
        answer->sent, "sap",
        session.expected && !session.is_dvb() ? "announced as the last play was" : "announced");
    if (session.reported) {
      Emit(Measured{Latency::kReportToSap, answer->sent - *session.reported});
    }
  }
  for (const AnnouncedLink& link : outlet.accepted()->links) {
    const auto use = session.links.find(link.link);
    if (use == session.links.end() || !use->second.late_join) continue;
    if (link.joins_total < use->second.joins) continue;
    Emit(Measured{Latency::kLateJoinToSap, answer->sent - *use->second.late_join});
    use->second.late_join.reset();
  }
  Finish();
}

void Reconciler::OnAnnouncementStopped(size_t sender, const Channel& channel,
                                       const absl::Status& status, const ClockPair& now,
                                       Actions& out) {
  Begin(now, out);
  senders_[sender].announcements[channel].OnStopped(status.ok(), now.mono);
  dirty_.insert(channel);
  Finish();
}

void Reconciler::OnTime(const ClockPair& now, Actions& out) {
  Begin(now, out);
  MembershipView::Groups changed;
  membership_.OnTime(now.mono, changed);
  MarkGroups(changed);
  UpdateSettled();
  while (!wakes_.empty() && wakes_.begin()->first <= now.mono) {
    const Channel channel = wakes_.begin()->second;
    wakes_.erase(wakes_.begin());
    sessions_.at(channel).wake = kNever;
    dirty_.insert(channel);
  }
  for (auto& [number, lease] : tuner_.leases) {
    if (lease.wake > now.mono) continue;
    lease.wake = kNever;
    dirty_leases_.insert(number);
  }
  Finish();
}

MonoTime Reconciler::NextDeadline() const {
  MonoTime next = membership_.NextDeadline();
  for (const auto& [number, lease] : tuner_.leases) next = std::min(next, lease.wake);
  if (!settled_) next = std::min(next, started_ + options_.listener_interval);
  if (!wakes_.empty()) next = std::min(next, wakes_.begin()->first);
  return next;
}

}  // namespace headwater::session_manager
