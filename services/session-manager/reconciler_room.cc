// The limits: who is refused and waits, and whose place is taken because nobody listens there.
#include <fmt/format.h>

#include <algorithm>

#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {

// A start that failed or a session that has ended leaves its places to others.
void Reconciler::ReleaseRun(Session& session) {
  for (const auto& [name, use] : session.links) {
    if (!use.admitted) continue;
    admission_.ReleaseLink(name);
    OfferRoom(name);
  }
  admission_.Release();
  ForgetMove(session);
  session.ClearRun();
  WakeWaiting();
}

void Reconciler::Refuse(Session& session, Refusal refusal) {
  const std::string reason = fmt::format("refused: {}", ToString(refusal));
  if (!Fire(session, Event::kRefused, reason)) return;
  session.error = reason;
  session.failure = "refused";
  ++stats_.refused_total[std::string(ToString(refusal))];
  Step(session, "refused", std::string(ToString(refusal)));
  if (refusal == Refusal::kStartRate) {
    session.retry_at = admission_.NextToken(now_.mono);
    return;
  }
  // WakeWaiting wakes those who wait, in order.
  session.retry_at = now_.mono + options_.retry_max;
  session.waiting = next_waiting_++;
  waiting_.emplace(session.waiting, session.channel);
}

void Reconciler::WakeWaiting() {
  size_t woken = 0;
  for (const auto& [place, channel] : waiting_) {
    if (woken++ == kWokenPerRelease) break;
    sessions_.at(channel).retry_at = now_.mono;
    dirty_.insert(channel);
  }
}

// There may be a place in `link`: it is free, or nobody listens where it is used.
void Reconciler::OfferRoom(const std::string& link) {
  WakeWaiting();
  const auto refused = refused_links_.find(link);
  if (refused == refused_links_.end()) return;
  dirty_.merge(refused->second);
  refused_links_.erase(refused);
}

// Before a start into `links` is refused: a place where a session only lingers is worth less than
// a listener who waits. Nothing is ended for a start that would have to wait all the same.
void Reconciler::MakeRoom(const Channel& channel, const std::vector<std::string>& links) {
  if (admission_.NextToken(now_.mono) > now_.mono) return;
  if (!admission_.HasRoom() && OldestLingering() == nullptr) return;
  bool has_link = false;
  for (const std::string& link : links) has_link |= MakeRoomIn(link, channel);
  if (!has_link || admission_.HasRoom()) return;
  if (Session* oldest = OldestLingering()) EndEarly(*oldest, channel);
}

bool Reconciler::MakeRoomIn(const std::string& link, const Channel& channel) {
  if (admission_.HasRoom(link)) return true;
  Session* oldest = nullptr;
  MonoTime absent_since = kNever;
  for (auto& [key, session] : sessions_) {
    const auto use = session.links.find(link);
    if (use == session.links.end() || use->second.present || !use->second.admitted) continue;
    if (use->second.absent_since >= absent_since) continue;
    oldest = &session;
    absent_since = use->second.absent_since;
  }
  if (oldest == nullptr) return false;
  if (oldest->links.size() == 1) {
    EndEarly(*oldest, channel);
    return true;
  }
  Step(*oldest, "displaced", fmt::format("its place in {} goes to {}", link, channel.ToString()));
  oldest->links.erase(link);
  admission_.ReleaseLink(link);
  dirty_.insert(oldest->channel);
  return true;
}

Session* Reconciler::OldestLingering(const Session* successor) {
  Session* oldest = nullptr;
  for (auto& [channel, session] : sessions_) {
    if (session.state != State::kLingering || session.HasPresent()) continue;
    if (successor != nullptr && LinksServed(*successor, *session.sender) == 0) continue;
    if (oldest == nullptr || session.since < oldest->since) oldest = &session;
  }
  return oldest;
}

void Reconciler::EndEarly(Session& session, const Channel& successor) {
  Step(session, "displaced", "ended early: its place goes to " + successor.ToString());
  Fire(session, Event::kDisplaced, "its place goes to " + successor.ToString());
  dirty_.insert(session.channel);
}

}  // namespace headwater::session_manager
