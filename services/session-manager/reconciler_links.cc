// A session's links, and what the packager tells of it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/fault.h"
#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {
namespace {

// As long as a source takes at most to say what plays.
constexpr Duration kTextsWait = 10s;

}  // namespace

std::optional<IpAddress> Reconciler::ServiceAddress(const std::string& link,
                                                    IpAddress::Family family) const {
  for (const Sender& sender : senders_) {
    if (auto address = sender.ServiceAddress(link, family)) return address;
  }
  return std::nullopt;
}

void Reconciler::RefreshLinks(Session& session) {
  std::set<std::string> found;
  const auto ours = [this](const std::string& link, IpAddress::Family family) {
    return ServiceAddress(link, family);
  };
  for (const auto& presence : membership_.Find(session.channel, ours)) {
    // A doubly claimed link is seen through its first watcher.
    if (found.insert(presence.link).second) ReadPresence(session, presence);
  }
  const bool active = IsActive(session.state);
  const Duration linger = FaultInjected("linger") ? 0s : DirectoryOf(session.number).linger;
  for (auto entry = session.links.begin(); entry != session.links.end();) {
    LinkUse& use = entry->second;
    const bool present = found.contains(entry->first) || (use.held && !settled_);
    if (use.present && !present) {
      use.absent_since = now_.mono;
      use.members = 0;
      session.left = now_.wall;
      if (active) Step(session, "leave", "last member on " + entry->first + " left");
      if (use.admitted) OfferRoom(entry->first);
    }
    use.present = present;
    if (present || (active && now_.mono < use.absent_since + linger)) {
      ++entry;
      continue;
    }
    if (use.admitted) {
      admission_.ReleaseLink(entry->first);
      OfferRoom(entry->first);
    }
    entry = session.links.erase(entry);
  }
}

void Reconciler::ReadPresence(Session& session, const MembershipView::Presence& presence) {
  const auto [entry, is_new] = session.links.try_emplace(presence.link);
  LinkUse& use = entry->second;
  const bool came_back = !use.present;
  // The watcher's count begins anew with its process: the time of the join tells what is new.
  const bool joined = presence.last_join >= use.last_join &&
                      (presence.joins_total != use.watcher_joins || came_back);
  if (joined || is_new) {
    const bool risen = presence.joins_total > use.watcher_joins;
    use.joins += risen ? presence.joins_total - use.watcher_joins : 1;
    if (IsActive(session.state)) {
      if (joined && !use.held) {
        use.late_join = presence.last_join;
        session.timeline.Add(presence.last_join, "late_join", "on " + presence.link);
      }
    }
  }
  use.present = true;
  use.members = presence.members;
  use.watcher_joins = presence.joins_total;
  use.last_join = std::max(use.last_join, presence.last_join);
}

void Reconciler::AdmitLinks(Session& session) {
  const Sender& sender = senders_[*session.sender];
  for (auto& [name, use] : session.links) {
    if (use.admitted || !use.present) continue;
    if (!sender.HasLegUp(name)) {
      if (sender.legs_known && unserved_links_.insert(name).second) {
        Emit(Alarm{"no sender has a leg up in link " + name});
      }
      continue;
    }
    MakeRoomIn(name, session.channel);
    const Refusal refusal = admission_.AdmitLink(name);
    use.admitted = refusal == Refusal::kNone;
    const std::string refused = "refused on " + name + ": ";
    if (use.admitted) {
      if (session.error.starts_with(refused)) session.error.clear();
      continue;
    }
    refused_links_[name].insert(session.channel);
    const std::string error = refused + std::string(ToString(refusal));
    if (session.error == error) continue;
    session.error = error;
    ++stats_.refused_total[std::string(ToString(refusal))];
    Step(session, "refused", error);
  }
}

// SAP goes before RTP, link by link, or RTP goes alone once the wait is over.
void Reconciler::ClearLinks(Session& session) {
  const PackagerStatus* status = StatusOf(session);
  const bool has_media = status != nullptr && status->state != PackagerState::kOpening &&
                         status->state != PackagerState::kFailed;
  if (!session.format || (!has_media && !session.has_fixed_format())) return;
  const auto& announcements = senders_[*session.sender].announcements;
  const auto outlet = announcements.find(session.channel);
  const Announcement* accepted = outlet != announcements.end() && outlet->second.accepted()
                                     ? &*outlet->second.accepted()
                                     : nullptr;
  for (auto& [name, use] : session.links) {
    if (!use.admitted || use.cleared) continue;
    if (use.announce_by == kNever) use.announce_by = now_.mono + options_.announce_wait;
    use.cleared = (session.announced && accepted != nullptr && accepted->Covers(name)) ||
                  now_.mono >= use.announce_by;
    session.transmit |= use.cleared;
  }
}

const PackagerStatus* Reconciler::StatusOf(const Session& session) const {
  if (!session.sender) return nullptr;
  const auto& outlets = senders_[*session.sender].sessions;
  const auto outlet = outlets.find(session.channel);
  return outlet == outlets.end() ? nullptr : outlet->second.current();
}

bool Reconciler::WasLost(const Session& session) const {
  if (!session.listed || !session.sender || !senders_[*session.sender].packager_ready()) {
    return false;
  }
  const PackagerStatus* status = StatusOf(session);
  if (status == nullptr) return true;
  // It has begun anew between two looks at the list.
  return session.state == State::kLive && !status->transmit;
}

void Reconciler::ReadStatus(Session& session) {
  const PackagerStatus* status = StatusOf(session);
  if (status == nullptr) return;
  session.listed = true;
  // The announced format never changes, nor does the SSRC that is kept with it.
  if (!session.format && status->format) session.format = status->format;
  // Where it does change, by a collision, the packager knows best.
  if (!session.pinned || session.ssrc == 0 || status->transmit) session.ssrc = status->ssrc;
  // A packager that has just begun anew goes on from what the one before has sent.
  if (status->transmit) {
    session.sequence = status->sequence;
    session.handed_over = false;
  }
  if (status->last_sent.sent != absl::InfinitePast()) session.last_sent = status->last_sent;
  session.source_url = status->source_url;
  if (!status->feed.empty()) session.feed = status->feed;
  session.receivers = status->receivers;
  session.fraction_lost_max = status->fraction_lost_max;
  ReadTimes(session, status->times);
  ReadInfo(session, *status);
  if (session.source_format != status->source_format) {
    session.source_format = status->source_format;
    Step(session, "transcoded",
         session.source_format
             ? fmt::format("{}, into the announced format", session.source_format->description)
             : "no longer: the source is as announced");
  }
  const bool silent = status->state == PackagerState::kSilent;
  if (silent && !session.silent) {
    session.error = status->error;
    Step(session, "silent", status->error);
  } else if (!silent && session.silent) {
    session.error.clear();
    Step(session, "rtp", "the source is back");
  }
  session.silent = silent;
}

void Reconciler::ReadTimes(Session& session, const StartTimes& times) {
  struct Row {
    absl::Time StartTimes::*time;
    std::string_view step;
    const char* text;
    std::optional<Latency> latency;
  };
  static constexpr Row kRows[] = {
      {&StartTimes::source_requested, "source_requested", "asked the source",
       Latency::kReportToRequest},
      {&StartTimes::source_answered, "source_answered", "the source answered", std::nullopt},
      {&StartTimes::format_known, "format_known", "", std::nullopt},
      {&StartTimes::first_rtp, "rtp", "first packet", Latency::kReportToRtp},
  };
  for (const Row& row : kRows) {
    const absl::Time time = times.*row.time;
    if (time == absl::InfinitePast() || time == session.times.*row.time) continue;
    const bool is_format = row.time == &StartTimes::format_known && session.format;
    session.timeline.Add(time, row.step, is_format ? session.format->description : row.text);
    if (row.latency && session.reported) {
      Emit(Measured{*row.latency, time - *session.reported});
    }
  }
  // Once it plays, what follows is not the start any more.
  if (times.first_rtp != absl::InfinitePast() && session.announced) session.reported.reset();
  session.times = times;
}

// A source without a name has its station's, and texts that do not say when they began have begun
// when we first saw them: an announcement always tells.
void Reconciler::ReadInfo(Session& session, const PackagerStatus& status) {
  StreamInfo info = status.info;
  if (session.is_dvb()) {
    // The service's tables tell; while they cannot be read, what they told holds.
    const LeaseStatus* lease = LeaseOf(session);
    const bool told = lease != nullptr && !lease->info.name.empty();
    if (!told && session.lease) return;
    if (told) info = lease->info;
  }
  // A packager that has just got the session from another, or begun anew, has not heard yet what
  // the source says: what was announced holds.
  const bool has_begun_anew =
      session.pinned && session.announced && now_.mono < session.since + kTextsWait;
  if (has_begun_anew && (status.state == PackagerState::kOpening || info.title.empty())) return;
  if (info.name.empty()) info.name = session.station ? session.station->title : session.info.name;
  if (info.SameTexts(session.info)) {
    info.began = session.info.began;
  } else if (info.began == absl::InfinitePast()) {
    info.began = now_.wall;
  }
  if (info.title != session.info.title && !info.title.empty()) Step(session, "title", info.title);
  session.info = std::move(info);
}

std::vector<std::string> Reconciler::SendableLinks(const Session& session,
                                                   const Sender& sender) const {
  std::vector<std::string> links;
  for (const auto& [name, use] : session.links) {
    if (use.admitted && sender.HasLegUp(name)) links.push_back(name);
  }
  return links;
}

}  // namespace headwater::session_manager
