// What packagers and announcers are told.
#include <algorithm>
#include <utility>

#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {
namespace {

// What a packager may have sent since its last word, a second of the densest stream; receivers take
// it for loss (RFC 3550 appendix A.1: less than MAX_DROPOUT).
constexpr uint16_t kSequenceMargin = 1000;

}  // namespace

void Reconciler::DriveOutlets(const Channel& channel, Session* session) {
  for (size_t i = 0; i < senders_.size(); ++i) {
    DrivePackager(i, channel, session);
    DriveAnnouncer(i, channel, session);
  }
}

// What runs or is announced is neither changed nor stopped while it is open whether the session
// goes on with it.
bool Reconciler::IsHeld(const Session& session) const {
  return session.state == State::kResolving ||
         (session.state == State::kFailed && session.failure == "no_sender");
}

void Reconciler::DrivePackager(size_t index, const Channel& channel, Session* session) {
  Sender& sender = senders_[index];
  const bool is_active = IsActive(session->state);
  const bool is_wanted = is_active && (session->sender == index || IsSuccessor(*session, index));
  if (!sender.packager_ready() || IsHeld(*session)) return;
  // An adopted session runs; nothing can be told until its station is known.
  if (is_wanted && !session->station) return;
  if (!is_wanted && !sender.sessions.contains(channel)) return;
  PackagerOutlet& outlet = sender.sessions[channel];
  std::optional<SessionSpec> wanted;
  if (is_wanted) wanted = WantedSession(*session, index);
  const bool may_stop = settled_ || outlet.told();
  switch (outlet.Next(wanted ? &*wanted : nullptr, may_stop, now_.mono)) {
    case OutletStep::kNothing:
      break;
    case OutletStep::kForget:
      if (!sender.has_room()) WakeWaiting();
      sender.sessions.erase(channel);
      break;
    case OutletStep::kStop:
      outlet.BeginStop();
      Emit(StopSession{
          .sender = index, .channel = channel, .handover = is_active && session->sender != index});
      break;
    case OutletStep::kApply:
      if (session->pinned) {
        wanted->ssrc = session->ssrc;
        wanted->sent_before = session->last_sent;
        wanted->sequence =
            static_cast<uint16_t>(session->sequence + (session->handed_over ? 0 : kSequenceMargin));
      }
      if (session->has_fixed_format()) wanted->format = session->format;
      outlet.BeginApply(*wanted);
      Emit(ApplySession{.sender = index, .spec = *std::move(wanted)});
      break;
  }
}

void Reconciler::DriveAnnouncer(size_t index, const Channel& channel, Session* session) {
  Sender& sender = senders_[index];
  if (!sender.announcer_synced || IsHeld(*session)) return;
  const bool is_its_sender = IsActive(session->state) && session->sender == index;
  if (!is_its_sender && !sender.announcements.contains(channel)) return;
  AnnouncerOutlet& outlet = sender.announcements[channel];
  if (is_its_sender && session->origin.id == 0 && session->pinned) {
    if (const AnnouncementStatus* known = FindAnnouncement(*session)) TakeOrigin(*session, *known);
  }
  std::optional<Announcement> wanted;
  if (is_its_sender) {
    wanted = WantedAnnouncement(*session, sender);
    // Nothing to say yet, or nowhere to say it: what is announced stays.
    if (!wanted) return;
  }
  const bool may_stop = settled_ || outlet.told();
  switch (outlet.Next(wanted ? &*wanted : nullptr, may_stop, now_.mono)) {
    case OutletStep::kNothing:
      break;
    case OutletStep::kForget:
      sender.announcements.erase(channel);
      break;
    case OutletStep::kStop:
      outlet.BeginStop();
      Emit(StopAnnouncement{.sender = index,
                            .channel = channel,
                            .handover = IsActive(session->state) && !is_its_sender});
      break;
    case OutletStep::kApply:
      wanted->origin = session->origin;
      wanted->changed = session->announced_info && *session->announced_info != wanted->info;
      outlet.BeginApply(*wanted);
      Emit(ApplyAnnouncement{.sender = index, .announcement = *std::move(wanted)});
      break;
  }
}

// By its sender's announcer, or by one whose sender was about to hand it over.
const AnnouncementStatus* Reconciler::FindAnnouncement(const Session& session) const {
  const AnnouncementStatus* found = nullptr;
  for (size_t i = 0; i < senders_.size(); ++i) {
    const auto outlet = senders_[i].announcements.find(session.channel);
    if (outlet == senders_[i].announcements.end() || !outlet->second.status()) continue;
    if (outlet->second.status()->announcement.number != session.number) continue;
    if (found == nullptr || session.sender == i) found = &*outlet->second.status();
  }
  return found;
}

// An announcer that ran on while the manager was away knows what listeners hold.
void Reconciler::TakeOrigin(Session& session, const AnnouncementStatus& status) {
  session.origin = status.announcement.origin;
  session.announced = true;
  session.announced_info = status.announcement.info;
  // Our own time of them is that of our start.
  const StreamInfo& announced = status.announcement.info;
  if (session.info.name.empty()) session.info.name = announced.name;
  if (announced.SameTexts(session.info) && announced.began != absl::InfinitePast()) {
    session.info.began = announced.began;
  }
  for (const AnnouncedLink& link : status.announcement.links) {
    const auto use = session.links.find(link.link);
    if (use == session.links.end()) continue;
    use->second.joins = std::max(use->second.joins, link.joins_total);
  }
}

SessionSpec Reconciler::WantedSession(const Session& session, size_t sender) const {
  const PlanDirectory& directory = DirectoryOf(session.number);
  SessionSpec spec{.channel = session.channel,
                   .station = *session.station,
                   .links = SendableLinks(session, senders_[sender]),
                   .transmit = session.transmit && session.sender == sender,
                   .local = directory.local,
                   .dscp = directory.dscp,
                   .hop_limit = directory.hop_limit != 0 ? directory.hop_limit
                                                         : HopLimitByScope(session.channel.group),
                   .silence_limit = directory.silence_limit,
                   .container = directory.container,
                   .feed_source = session.feed_source,
                   .format = std::nullopt};
  if (session.transmit) {
    std::erase_if(spec.links,
                  [&](const std::string& link) { return !session.links.at(link).cleared; });
  }
  return spec;
}

std::optional<Announcement> Reconciler::WantedAnnouncement(const Session& session,
                                                           const Sender& sender) const {
  if (!session.format) return std::nullopt;
  const PackagerStatus* status = StatusOf(session);
  const bool has_media = status != nullptr && status->state != PackagerState::kOpening;
  if (!has_media && !session.announced && !session.has_fixed_format()) return std::nullopt;
  // Nobody is left to hear of it.
  if (session.state == State::kLingering && !session.announced) return std::nullopt;
  const PlanDirectory& directory = DirectoryOf(session.number);
  Announcement announcement{.channel = session.channel,
                            .number = session.number,
                            .links = {},
                            .format = *session.format,
                            .info = session.info,
                            .hop_limit = directory.hop_limit != 0
                                             ? directory.hop_limit
                                             : HopLimitByScope(session.channel.group),
                            .origin = {}};
  for (const std::string& link : SendableLinks(session, sender)) {
    announcement.links.push_back({.link = link, .joins_total = session.links.at(link).joins});
  }
  if (announcement.links.empty()) return std::nullopt;
  return announcement;
}

bool Reconciler::HasOutlets(const Channel& channel) const {
  return std::any_of(senders_.begin(), senders_.end(), [&](const Sender& sender) {
    return sender.sessions.contains(channel) || sender.announcements.contains(channel);
  });
}

void Reconciler::ConsiderOutlets(const Session& session, MonoTime& wake) const {
  if (IsHeld(session)) return;
  const auto consider = [&](MonoTime time) {
    if (time > now_.mono) wake = std::min(wake, time);
  };
  for (size_t i = 0; i < senders_.size(); ++i) {
    const Sender& sender = senders_[i];
    const bool wanted = IsActive(session.state) && session.sender == i;
    const bool succeeds = IsActive(session.state) && IsSuccessor(session, i);
    const auto packager = sender.sessions.find(session.channel);
    if (packager != sender.sessions.end() && sender.packager_ready()) {
      consider(packager->second.NextDeadline(wanted || succeeds));
    }
    const auto announcer = sender.announcements.find(session.channel);
    if (announcer != sender.announcements.end() && sender.announcer_synced) {
      consider(announcer->second.NextDeadline(wanted));
    }
  }
}

}  // namespace headwater::session_manager
