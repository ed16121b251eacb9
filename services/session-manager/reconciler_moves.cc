// Which sender has a session: by hash at its start, then always the same, unless that is drained,
// dies, or cannot send into a link where another one can.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "services/session-manager/placement.h"
#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {
namespace {

// Of a sender that does not tell its capacity.
constexpr double kWeightUnknown = 256;

}  // namespace

size_t Reconciler::LinksServed(const Session& session, size_t sender) const {
  return static_cast<size_t>(
      std::count_if(session.links.begin(), session.links.end(), [&](const auto& entry) {
        return entry.second.present && senders_[sender].HasLegUp(entry.first);
      }));
}

// Those with legs in most of its links; among them one with an announcer, and then the hash
// decides.
std::optional<size_t> Reconciler::ChooseSender(const Session& session, Room room) const {
  using Merit = std::tuple<size_t, bool, double>;
  std::optional<size_t> best;
  Merit best_merit;
  const std::optional<size_t> only = SenderOfNumber(session);
  for (size_t i = 0; i < senders_.size(); ++i) {
    const Sender& sender = senders_[i];
    if (!sender.packager_ready() || (only ? i != *only : sender.drained)) continue;
    if (room == Room::kNeeded && !sender.has_room() && !sender.sessions.contains(session.channel)) {
      continue;
    }
    const size_t links = LinksServed(session, i);
    if (links == 0) continue;
    const double weight =
        sender.capacity == 0 ? kWeightUnknown : static_cast<double>(sender.capacity);
    const Merit merit(links, sender.announcer_synced,
                      PlacementScore(sender_names_[i], weight, session.number));
    if (best && merit <= best_merit) continue;
    best = i;
    best_merit = merit;
  }
  return best;
}

void Reconciler::SetDrained(size_t sender, bool drained, const ClockPair& now, Actions& out) {
  Begin(now, out);
  senders_[sender].drained = drained;
  RetryUnplaced();
  MarkAll();
  Finish();
}

bool Reconciler::IsGone(size_t sender) const {
  const MonoTime since = senders_[sender].away_since;
  return since != kNever && now_.mono >= since + options_.sender_grace;
}

// Its sender is dead: another one has it from now on.
bool Reconciler::TakeOver(Session& session) {
  const size_t from = *session.sender;
  if (!IsGone(from)) return false;
  std::optional<size_t> to;
  if (session.move && senders_[session.move->to].packager_ready()) to = session.move->to;
  if (!to) to = ChooseSender(session, Room::kNeeded);
  if (!to || *to == from) {
    if (senders_.size() > 1) {
      TellObstacle(session, fmt::format("sender {} is gone, and no other one can take it",
                                        sender_names_[from]));
    }
    return false;
  }
  const std::string text =
      fmt::format("sender {} is gone: at sender {} now", sender_names_[from], sender_names_[*to]);
  ++stats_.moves_total["dead"];
  session.pinned = session.format.has_value();
  SetSender(session, *to);
  Step(session, "move", text);
  if (session.state == State::kLive) return Fire(session, Event::kLost, text);
  session.since = now_.mono;
  return true;
}

void Reconciler::SetSender(Session& session, size_t sender) {
  ForgetMove(session);
  session.sender = sender;
  session.listed = false;
  session.feed.clear();
  session.move_attempts = 0;
  session.move_obstacle.clear();
}

// Of a live session.
void Reconciler::AdvanceMove(Session& session) {
  if (!session.move) BeginMove(session);
  if (!session.move || session.move->is_handing_over) return;
  const size_t from = *session.sender;
  const Sender& to = senders_[session.move->to];
  const auto outlet = to.sessions.find(session.channel);
  if (outlet != to.sessions.end() && outlet->second.status() && IsDead(*outlet->second.status()) &&
      outlet->second.told()) {
    return GiveUpMove(session, outlet->second.status()->error);
  }
  if (!to.packager_ready() || to.drained) return GiveUpMove(session, "the sender is not there");
  const auto timeout = DirectoryOf(session.number).start_timeout;
  if (now_.mono >= session.move->since + timeout) return GiveUpMove(session, "no media in time");
  Sender& sender = senders_[from];
  const auto announced = sender.announcements.find(session.channel);
  const bool is_announcing =
      announced != sender.announcements.end() && announced->second.is_calling();
  PackagerOutlet& running = sender.sessions[session.channel];
  // What is being said there counts for the next one.
  if (!IsPrepared(session) || is_announcing || running.is_calling()) return;
  if (!sender.packager_ready()) return;
  session.move->is_handing_over = true;
  running.BeginStop();
  Emit(StopSession{.sender = from, .channel = session.channel, .handover = true});
}

// The next sender has media, and waits for the word. What a tuner sends comes to one of them.
bool Reconciler::IsPrepared(const Session& session) const {
  const Sender& to = senders_[session.move->to];
  const auto outlet = to.sessions.find(session.channel);
  const PackagerStatus* status = outlet == to.sessions.end() ? nullptr : outlet->second.current();
  if (status == nullptr || outlet->second.is_calling()) return false;
  return session.is_dvb() ? !status->feed.empty() : status->state != PackagerState::kOpening;
}

void Reconciler::BeginMove(Session& session) {
  const size_t from = *session.sender;
  const bool is_drained = senders_[from].drained;
  const size_t served = LinksServed(session, from);
  if (!is_drained && served == session.PresentLinks().size()) return;
  if (!session.station || !session.format || now_.mono < session.move_at) return;
  if (moving_.size() >= kMovesAtOnce || !senders_[from].packager_ready()) return;
  const std::optional<size_t> to = ChooseSender(session, Room::kNeeded);
  const size_t links = to ? LinksServed(session, *to) : 0;
  if (!to || *to == from || links < served) {
    if (!is_drained) return;
    return TellObstacle(session, fmt::format("sender {} is drained, and no other one can take it",
                                             sender_names_[from]));
  }
  if (!is_drained && links == served) return;
  session.move = Move{.to = *to, .since = now_.mono};
  session.pinned = true;
  moving_.insert(session.channel);
  Step(session, "move",
       fmt::format("sender {} {}: sender {} opens the source", sender_names_[from],
                   is_drained ? "is drained" : "has no leg up in a link", sender_names_[*to]));
}

void Reconciler::GiveUpMove(Session& session, const std::string& why) {
  const Duration wait = backoff_.Next(++session.move_attempts);
  session.move_at = now_.mono + wait;
  Step(session, "move",
       fmt::format("sender {} cannot take it: {}; next try in {:.1f} s",
                   sender_names_[session.move->to], why,
                   std::chrono::duration<double>(wait).count()));
  ForgetMove(session);
}

// The first sender has stopped, or cannot be told: then it has died, or will be told again.
void Reconciler::FinishMove(Session& session, const absl::StatusOr<SessionEnd>& answer) {
  if (answer.ok() && answer->next_sent.sent != absl::InfinitePast()) {
    session.sequence = answer->sequence;
    session.last_sent = answer->next_sent;
    session.handed_over = true;
  }
  ++stats_.moves_total[senders_[*session.sender].drained ? "drained" : "links"];
  SetSender(session, session.move->to);
  const std::string text = "at sender " + sender_names_[*session.sender] + " now";
  Step(session, "move", text);
  Fire(session, Event::kMoved, text);
}

// It is over, one way or the other, and the next session may move.
void Reconciler::ForgetMove(Session& session) {
  if (!session.move) return;
  session.move.reset();
  moving_.erase(session.channel);
  size_t room = kMovesAtOnce - moving_.size();
  for (const auto& [channel, other] : sessions_) {
    if (room == 0) return;
    const bool waits = other.state == State::kLive && !other.move &&
                       senders_[*other.sender].drained && other.move_at <= now_.mono;
    if (waits && dirty_.insert(channel).second) --room;
  }
}

void Reconciler::TellObstacle(Session& session, std::string obstacle) {
  if (session.move_obstacle == obstacle) return;
  Step(session, "move", obstacle);
  session.move_obstacle = std::move(obstacle);
}

}  // namespace headwater::session_manager
