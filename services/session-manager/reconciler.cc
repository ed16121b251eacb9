#include "services/session-manager/reconciler.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/common/base/check.h"

namespace headwater::session_manager {
namespace {

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string Joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

// A format that was learnt before the directory's container was changed is none to announce.
bool FitsContainer(const MediaFormat& format, const PlanDirectory& directory) {
  return (format.encoding == "MP2T") == (directory.container == MediaContainer::kTransportStream);
}

}  // namespace

Reconciler::Reconciler(const ReconcilerOptions& options, WorldShape shape,
                       std::vector<std::string> sender_names, uint64_t seed, const ClockPair& now)
    : options_(options),
      sender_names_(std::move(sender_names)),
      started_(now.mono),
      backoff_(options, seed),
      admission_(options),
      membership_(shape.watchers, options.listener_interval),
      stations_(options.station_ttl),
      senders_(shape.senders),
      now_(now) {
  HW_CHECK(sender_names_.size() == shape.senders);
}

const Session* Reconciler::Find(const Channel& channel) const {
  const auto session = sessions_.find(channel);
  return session == sessions_.end() ? nullptr : &session->second;
}

const Session* Reconciler::FindEnded(const Channel& channel) const {
  const auto session = ended_.find(channel);
  return session == ended_.end() ? nullptr : &session->second;
}

size_t Reconciler::SessionsOf(size_t sender) const {
  return static_cast<size_t>(
      std::count_if(sessions_.begin(), sessions_.end(), [sender](const auto& entry) {
        return IsActive(entry.second.state) && entry.second.sender == sender;
      }));
}

const PlanDirectory& Reconciler::DirectoryOf(uint32_t number) const {
  static const PlanDirectory kDefault;
  const PlanDirectory* directory = plan_ ? plan_->DirectoryOf(number) : nullptr;
  return directory != nullptr ? *directory : kDefault;
}

std::optional<NumberPlan::Match> Reconciler::Match(const Channel& channel) const {
  if (!plan_) return std::nullopt;
  return plan_->Find(channel, [this](const IpAddress& address) {
    return std::any_of(senders_.begin(), senders_.end(), [&](const Sender& sender) {
      return std::any_of(sender.legs.begin(), sender.legs.end(), [&](const Leg& leg) {
        return leg.service_address_ipv4 == address || leg.service_address_ipv6 == address;
      });
    });
  });
}

void Reconciler::Step(Session& session, std::string_view step, std::string text) {
  session.timeline.Add(now_.wall, step, std::move(text));
}

void Reconciler::Drive(const Channel& channel) {
  Session* session = FindOrCreate(channel);
  if (session == nullptr) return;
  // Each round is one transition; the table has no cycle without an outside event in between, and
  // the bound keeps a mistake in it from becoming a hang.
  for (int round = 0; round < 8 && Advance(*session); ++round) {
  }
  DriveOutlets(channel, session);
  if (session->is_dvb() || tuner_.leases.contains(session->number)) {
    dirty_leases_.insert(session->number);
  }
  Show(*session);
  if (session->state == State::kIdle && !HasOutlets(channel)) {
    End(channel);
  } else {
    Wake(*session);
  }
}

bool Reconciler::FoundRunning(const Channel& channel, size_t sender) const {
  const Sender& candidate = senders_[sender];
  if (!candidate.packager_ready()) return false;
  const auto outlet = candidate.sessions.find(channel);
  return outlet != candidate.sessions.end() && outlet->second.status() &&
         !IsDead(*outlet->second.status()) && !outlet->second.told() && !outlet->second.stopping();
}

// A session is tracked when somebody wants it, when it is found running, or when something is left
// to be stopped.
Session* Reconciler::FindOrCreate(const Channel& channel) {
  const auto known = sessions_.find(channel);
  if (known != sessions_.end()) return &known->second;
  const auto match = Match(channel);
  const bool wanted =
      match &&
      !membership_
           .Find(channel, [this](const std::string& link,
                                 IpAddress::Family family) { return ServiceAddress(link, family); })
           .empty();
  bool running = false;
  uint32_t number = match ? match->number : 0;
  for (size_t i = 0; i < senders_.size() && !settled_; ++i) {
    if (!FoundRunning(channel, i)) continue;
    running = true;
    if (!match) number = senders_[i].sessions.at(channel).status()->number;
  }
  if (!wanted && !running && !(settled_ && HasOutlets(channel))) return nullptr;
  if (sessions_.size() >= 4 * options_.sessions_max && !running) {
    ++stats_.untracked_total;
    return nullptr;
  }
  Session& session = sessions_[channel];
  session.channel = channel;
  session.number = number;
  session.since = now_.mono;
  session.since_wall = now_.wall;
  session.shown.channel = channel;
  return &session;
}

bool Reconciler::Fire(Session& session, Event event, std::string reason) {
  const auto next = NextState(session.state, event);
  if (!next) {
    ++stats_.events_ignored_total;
    return false;
  }
  const State from = session.state;
  session.state = *next;
  session.since = now_.mono;
  session.since_wall = now_.wall;
  ++stats_.transitions[{from, *next}];
  if (!IsActive(*next) && IsActive(from)) ReleaseRun(session);
  Enter(session, from);
  Emit(Transitioned{.channel = session.channel,
                    .number = session.number,
                    .from = from,
                    .to = *next,
                    .reason = std::move(reason)});
  return true;
}

void Reconciler::Enter(Session& session, State from) {
  if (session.waiting != 0 && session.state != State::kFailed) {
    waiting_.erase(session.waiting);
    waiting_tuner_.erase(session.waiting);
    session.waiting = 0;
  }
  switch (session.state) {
    case State::kResolving:
      session.error.clear();
      session.failure.clear();
      session.station.reset();
      session.retry_at = kNever;
      break;
    case State::kLive:
      session.error.clear();
      session.failure.clear();
      break;
    case State::kIdle:
      if (from != State::kFailed) session.error.clear();
      session.attempts = 0;
      Step(session, "stop", "ended");
      break;
    case State::kLingering:
      ForgetMove(session);
      break;
    case State::kStarting:
    case State::kFailed:
      break;
  }
}

bool Reconciler::Fail(Session& session, Event event, std::string_view kind, std::string reason) {
  const bool was_stable =
      session.state == State::kLive && now_.mono >= session.since + options_.stable_after;
  if (was_stable) session.attempts = 0;
  const bool report = event == Event::kFailed && kind != "packager" && kind != "tuner";
  const bool was_misled = session.expected && kind == "codec";
  if (!Fire(session, event, reason)) return false;
  session.error = reason;
  session.failure = std::string(kind);
  ++stats_.failed_total[session.failure];
  stations_.Drop(session.number);
  if (session.state != State::kFailed) return true;
  const Duration wait = backoff_.Next(++session.attempts);
  // Its format has changed since the last play: the next start asks the source first.
  session.retry_at = was_misled ? now_.mono : now_.mono + wait;
  // A retry is not measured: its listener has waited for other things.
  session.reported.reset();
  Step(session, "failed",
       fmt::format("{}; next try in {:.1f} s", reason, Seconds(session.retry_at - now_.mono)));
  if (report) {
    Emit(ReportPlay{.number = session.number, .format = std::nullopt, .error = std::move(reason)});
  }
  return true;
}

bool Reconciler::Advance(Session& session) {
  RefreshLinks(session);
  const auto match = Match(session.channel);
  if (match && session.state == State::kIdle) session.number = match->number;
  if (plan_ && session.state != State::kIdle && (!match || match->number != session.number)) {
    return Fire(session, Event::kUnbound, "the number plan no longer gives it this number");
  }
  if (session.state != State::kIdle && session.HasPresent()) session.left.reset();
  switch (session.state) {
    case State::kIdle:
      if (AdoptRunning(session)) return true;
      if (!match || !session.HasPresent()) return false;
      // The end of what ran here before is still on its way.
      if (StopPending(session.channel)) return false;
      session.timeline = Timeline();
      session.reported = session.links.begin()->second.last_join;
      session.timeline.Add(*session.reported, "report", "on " + Joined(session.PresentLinks()));
      return Fire(session, Event::kWanted, "joined on " + Joined(session.PresentLinks()));
    case State::kResolving:
      return AdvanceResolving(session);
    case State::kStarting:
      return AdvanceStarting(session);
    case State::kLive:
      return AdvanceLive(session);
    case State::kLingering:
      return AdvanceLingering(session);
    case State::kFailed:
      return AdvanceFailed(session);
  }
  return false;
}

bool Reconciler::FindStation(Session& session) {
  if (session.station) return true;
  if (const Station* station = stations_.Find(session.number, now_.mono)) {
    session.station = *station;
    Step(session, "resolve", station->title);
    return true;
  }
  if (stations_.BeginResolve(session.number, now_.mono)) Emit(Resolve{session.number});
  return false;
}

bool Reconciler::AdvanceResolving(Session& session) {
  if (AdoptRunning(session)) return true;
  if (!session.HasPresent()) return Fire(session, Event::kUnwanted, "left before the start");
  const bool has_station = FindStation(session);
  const bool has_sender = ChooseSender(session, Room::kIgnored).has_value();
  if (has_station && has_sender && SendersSettled()) {
    Place(session);
    return true;
  }
  // Every sender has told its legs: waiting would not help, a leg that comes up will.
  const bool is_hopeless = has_station && !has_sender && AllSendersReady();
  if (!is_hopeless && now_.mono < session.since + options_.resolve_timeout) return false;
  if (has_station) {
    bool has_leg = false;
    for (const std::string& link : session.PresentLinks()) {
      const bool is_served = std::any_of(
          senders_.begin(), senders_.end(),
          [&](const Sender& sender) { return sender.packager_ready() && sender.HasLegUp(link); });
      has_leg |= is_served;
      if (is_served || !unserved_links_.insert(link).second) continue;
      Emit(Alarm{"no sender has a leg up in link " + link});
    }
    const std::string where = Joined(session.PresentLinks());
    return Fail(session, Event::kRefused, "no_sender",
                has_leg ? "every sender with a leg up in " + where + " is drained"
                        : "no sender has a leg up in " + where);
  }
  return Fail(session, Event::kRefused, "resolve",
              session.error.empty() ? "the directory-resolver does not answer" : session.error);
}

// Shortly after our own start a sender that is not heard of yet may be running the session.
bool Reconciler::SendersSettled() const {
  return now_.mono >= started_ + options_.startup_wait || AllSendersReady();
}

bool Reconciler::AllSendersReady() const {
  return std::all_of(senders_.begin(), senders_.end(),
                     [](const Sender& sender) { return sender.packager_ready(); });
}

void Reconciler::Place(Session& session) {
  const std::optional<size_t> chosen = ChooseSender(session, Room::kNeeded);
  if (!chosen) {
    // What only lingers there makes room soon.
    Session* oldest = OldestLingering(&session);
    if (oldest != nullptr) EndEarly(*oldest, session.channel);
    return Refuse(session, Refusal::kSenderSessions);
  }
  const size_t sender = *chosen;
  std::vector<std::string> links = session.PresentLinks();
  std::erase_if(links, [&](const std::string& link) { return !senders_[sender].HasLegUp(link); });
  MakeRoom(session.channel, links);
  const Refusal refusal = admission_.Admit(links, now_.mono);
  if (refusal != Refusal::kNone) {
    Refuse(session, refusal);
    return;
  }
  for (const std::string& link : links) session.links.at(link).admitted = true;
  session.sender = sender;
  session.info = {.name = session.station->title, .title = {}, .url = {}, .began = now_.wall};
  // Announced as the last play was, it is read by players while the source is still connecting.
  // Where that has just failed, the source is heard first; of DVB a tuner has to lock first.
  session.expected = session.attempts == 0 && !session.is_dvb() &&
                     session.station->known_format.has_value() &&
                     FitsContainer(*session.station->known_format, DirectoryOf(session.number));
  if (session.expected) session.format = session.station->known_format;
  Fire(session, Event::kPlaced, "at sender " + sender_names_[sender]);
  Step(session, "start",
       fmt::format("at sender {}, into {}", sender_names_[sender], Joined(links)));
}

bool Reconciler::AdoptRunning(Session& session) {
  if (settled_ && !session.HasPresent()) return false;
  std::optional<size_t> found;
  for (size_t i = 0; i < senders_.size(); ++i) {
    if (!FoundRunning(session.channel, i)) continue;
    const PackagerStatus& status = *senders_[i].sessions.at(session.channel).status();
    if (plan_ && status.number != session.number) continue;
    if (status.transmit) return AdoptAt(session, i);
    if (!found) found = i;
  }
  // A sender that is not heard of yet may be sending what this one was to take over.
  return found && SendersSettled() && AdoptAt(session, *found);
}

bool Reconciler::AdoptAt(Session& session, size_t sender) {
  PackagerOutlet& outlet = senders_[sender].sessions.at(session.channel);
  const PackagerStatus status = *outlet.status();
  const std::set<std::string> links(status.links.begin(), status.links.end());
  session.ClearRun();
  session.sender = sender;
  session.pinned = true;
  session.info.began = now_.wall;
  session.transmit = status.transmit;
  session.reported.reset();
  if (!plan_) session.number = status.number;
  for (const std::string& link : links) {
    LinkUse& use = session.links[link];
    if (!use.present) use.absent_since = now_.mono;
    use.present = use.held = true;
    use.admitted = true;
    use.cleared = status.transmit;
  }
  admission_.Adopt({links.begin(), links.end()});
  outlet.Adopt({.channel = session.channel,
                .station = {},
                .links = {links.begin(), links.end()},
                .transmit = status.transmit,
                .format = {}});
  ++stats_.adopted_total;
  const std::string text = "found running at sender " + sender_names_[sender];
  Step(session, "adopted", text);
  return Fire(session, Event::kAdopted, text);
}

// A start does not run into the end of the run before it.
bool Reconciler::StopPending(const Channel& channel) const {
  return std::any_of(senders_.begin(), senders_.end(), [&](const Sender& sender) {
    const auto outlet = sender.sessions.find(channel);
    return sender.packager_ready() && outlet != sender.sessions.end() &&
           (outlet->second.told() || outlet->second.stopping());
  });
}

bool Reconciler::AdvanceStarting(Session& session) {
  FindStation(session);
  if (TakeOver(session)) return true;
  if (WasLost(session)) {
    session.listed = false;
    session.pinned = session.format.has_value();
  }
  ReadStatus(session);
  if (AdvanceLease(session)) return true;
  AdmitLinks(session);
  ClearLinks(session);
  const PackagerStatus* status = StatusOf(session);
  if (status != nullptr && status->state == PackagerState::kFailed) {
    return Fail(session, Event::kFailed, status->error_reason, status->error);
  }
  const bool sending =
      status != nullptr && status->transmit &&
      (status->state == PackagerState::kSending || status->state == PackagerState::kSilent);
  if (sending) {
    if (!Fire(session, Event::kSending, "first RTP has left")) return false;
    if (!session.play_reported && session.format) {
      session.play_reported = true;
      // The next session is announced as the source is now.
      const MediaFormat& shown = session.source_format.value_or(*session.format);
      stations_.Learn(session.number, shown);
      Emit(ReportPlay{.number = session.number, .format = shown, .error = {}});
    }
    return true;
  }
  if (!session.HasPresent()) {
    Step(session, "linger", "last member left during the start");
    return Fire(session, Event::kUnwanted, "last member left");
  }
  const auto timeout = DirectoryOf(session.number).start_timeout;
  if (now_.mono < session.since + timeout) return false;
  const bool awaits_tuner = session.is_dvb() && session.lease != LeaseState::kSending;
  return Fail(session, Event::kFailed, awaits_tuner ? "tuner" : "timeout",
              fmt::format("no media within {:.1f} s{}{}", Seconds(timeout),
                          session.error.empty() ? "" : ": ", session.error));
}

bool Reconciler::AdvanceLive(Session& session) {
  // Whatever happens meanwhile waits for the answer.
  if (session.move && session.move->is_handing_over) return false;
  FindStation(session);
  if (TakeOver(session)) return true;
  if (WasLost(session)) {
    // Format and SSRC stay, so that its listeners play on.
    session.pinned = true;
    session.listed = false;
    if (session.move) SetSender(session, session.move->to);
    Step(session, "retry", "the packager has restarted");
    return Fire(session, Event::kLost, "the packager no longer lists it");
  }
  ReadStatus(session);
  if (AdvanceLease(session)) return true;
  AdmitLinks(session);
  ClearLinks(session);
  const PackagerStatus* status = StatusOf(session);
  if (status != nullptr && status->state == PackagerState::kFailed) {
    return Fail(session, Event::kFailed, status->error_reason, status->error);
  }
  if (session.HasPresent()) {
    AdvanceMove(session);
    return false;
  }
  Step(session, "linger", fmt::format("{:.1f} s", Seconds(DirectoryOf(session.number).linger)));
  const bool lingers = Fire(session, Event::kUnwanted, "last member left");
  if (session.is_dvb() && !waiting_tuner_.empty()) FreeTuner(waiting_tuner_.begin()->second);
  return lingers;
}

bool Reconciler::AdvanceLingering(Session& session) {
  if (WasLost(session)) return Fire(session, Event::kLost, "the packager no longer lists it");
  ReadStatus(session);
  if (AdvanceLease(session)) return true;
  const PackagerStatus* status = StatusOf(session);
  if (status != nullptr && status->state == PackagerState::kFailed) {
    return Fail(session, Event::kFailed, status->error_reason, status->error);
  }
  if (session.HasPresent()) {
    const bool sending = status != nullptr && status->state != PackagerState::kOpening &&
                         status->state != PackagerState::kReady;
    return Fire(session, sending ? Event::kWantedWhileSending : Event::kWanted,
                "joined again on " + Joined(session.PresentLinks()));
  }
  if (!session.links.empty()) return false;
  return Fire(session, Event::kLingerOver, "nobody came back");
}

bool Reconciler::AdvanceFailed(Session& session) {
  if (session.failure == "no_sender" && AdoptRunning(session)) return true;
  if (!session.HasPresent()) return Fire(session, Event::kUnwanted, "last member left");
  if (now_.mono < session.retry_at || StopPending(session.channel)) return false;
  if (session.failure != "refused") {
    Step(session, "retry", fmt::format("after {} failed tries", session.attempts));
  }
  return Fire(session, Event::kRetry, "trying again");
}

void Reconciler::Wake(Session& session) {
  MonoTime wake = kNever;
  // What was due by now has been done, or waits for something else than time.
  const auto consider = [&](MonoTime time) {
    if (time > now_.mono) wake = std::min(wake, time);
  };
  const PlanDirectory& directory = DirectoryOf(session.number);
  switch (session.state) {
    case State::kResolving:
      consider(session.since + options_.resolve_timeout);
      consider(started_ + options_.startup_wait);
      break;
    case State::kStarting:
      consider(session.since + directory.start_timeout);
      break;
    case State::kFailed:
      if (session.retry_at != kNever) consider(session.retry_at);
      break;
    case State::kIdle:
      consider(started_ + options_.startup_wait);
      break;
    case State::kLive:
      if (session.move) consider(session.move->since + directory.start_timeout);
      consider(session.move_at);
      break;
    case State::kLingering:
      break;
  }
  if (session.sender && senders_[*session.sender].away_since != kNever) {
    consider(senders_[*session.sender].away_since + options_.sender_grace);
  }
  if (!session.station) consider(stations_.NextResolve(session.number));
  for (const auto& [name, use] : session.links) {
    if (!use.present) consider(use.absent_since + directory.linger);
    if (!use.cleared) consider(use.announce_by);
  }
  ConsiderOutlets(session, wake);
  if (wake == session.wake) return;
  if (session.wake != kNever) wakes_.erase({session.wake, session.channel});
  session.wake = wake;
  if (wake != kNever) wakes_.emplace(wake, session.channel);
}

void Reconciler::End(const Channel& channel) {
  auto session = sessions_.extract(channel);
  if (session.mapped().wake != kNever) wakes_.erase({session.mapped().wake, channel});
  session.mapped().wake = kNever;
  if (session.mapped().timeline.Steps().empty()) return;
  if (ended_.erase(channel) > 0) std::erase(ended_order_, channel);
  ended_order_.push_back(channel);
  ended_.insert(std::move(session));
  if (ended_order_.size() <= kEndedMax) return;
  ended_.erase(ended_order_.front());
  ended_order_.pop_front();
}

void Reconciler::Show(Session& session) {
  SessionView view{.channel = session.channel,
                   .number = session.number,
                   .state = session.state,
                   .station = session.station,
                   .links = session.PresentLinks(),
                   .members = session.members(),
                   .sender = session.sender ? sender_names_[*session.sender] : "",
                   .format = session.format,
                   .info = session.info,
                   .source_url = session.source_url,
                   .error = session.error,
                   .since = session.since_wall,
                   .receivers = session.receivers,
                   .fraction_lost_max = session.fraction_lost_max};
  if (view == session.shown) return;
  const bool was_idle = session.shown.state == State::kIdle;
  session.shown = view;
  if (was_idle && view.state == State::kIdle) return;
  Emit(SessionChanged{std::move(view)});
}

}  // namespace headwater::session_manager
