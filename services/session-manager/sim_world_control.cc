// What tests do to the world, and what they ask of it.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "services/common/base/check.h"
#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {

void SimWorld::Boot() {
  for (size_t i = 0; i < packagers_.size(); ++i) {
    packagers_[i] = {.up = true, .life = packagers_[i].life + 1};
    announcers_[i] = {.up = true, .life = announcers_[i].life + 1};
  }
  tuner_ = {.up = true, .life = tuner_.life + 1};
  for (Watcher& watcher : watchers_) watcher = {.up = true, .sync = LinkSync::kSynced, .heard = {}};
  RestartManager();
  Advance(1s);
  ForgetCalls();
}

void SimWorld::RestartManagerBlind() {
  ++manager_life_;
  last_told_ = now_;
  std::vector<std::string> names;
  for (size_t i = 0; i < packagers_.size(); ++i) names.push_back(fmt::format("s{}", i));
  reconciler_ = std::make_unique<Reconciler>(
      options_.reconciler, WorldShape{.watchers = watchers_.size(), .senders = packagers_.size()},
      names, options_.seed, Clocks());
  for (const size_t sender : drained_) SetDrained(sender, true);
  TellPlan();
  for (size_t i = 0; i < packagers_.size(); ++i) {
    if (announcers_[i].up) SnapshotAnnouncer(i);
    if (packagers_[i].up) SnapshotPackager(i);
  }
  if (tuner_.up) SnapshotTuner();
}

void SimWorld::RestartManager() {
  RestartManagerBlind();
  for (size_t i = 0; i < watchers_.size(); ++i) {
    if (watchers_[i].up) SnapshotWatcher(i);
  }
}

void SimWorld::TellPlan() {
  TellLater([plan = plan_](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    auto built = NumberPlan::Build(plan);
    HW_CHECK(built.ok());
    reconciler.OnPlan(*std::move(built), now, out);
  });
}

void SimWorld::SetOptions(const ReconcilerOptions& options) {
  options_.reconciler = options;
  Tell([&](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.SetOptions(options, now, out);
  });
}

void SimWorld::SetPlan(PlanConfig config) {
  plan_ = std::move(config);
  TellPlan();
}

void SimWorld::SnapshotWatcher(size_t watcher) {
  TellLater([watcher](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnWatcherConnected(watcher, now, out);
  });
  const std::string link = watcher == 0 ? "lan" : "vlan20";
  TellLater([watcher, link, sync = watchers_[watcher].sync](Reconciler& reconciler,
                                                            const ClockPair& now, Actions& out) {
    reconciler.OnLink(watcher, link, sync, now, out);
  });
  for (const auto& [group, record] : watchers_[watcher].heard) Publish(record);
  TellLater([watcher](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnWatcherSynced(watcher, now, out);
  });
}

void SimWorld::SnapshotPackager(size_t sender) {
  TellLater([sender](Reconciler& reconciler, const ClockPair&, Actions&) {
    reconciler.OnPackagerConnected(sender);
  });
  for (const auto& [channel, session] : running_[sender]) Publish(sender, channel);
  TellLater([sender](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnPackagerSynced(sender, now, out);
  });
  TellLater([sender, legs = Legs(sender), capacity = capacities_[sender]](
                Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnLegs(sender, legs, capacity, now, out);
  });
}

void SimWorld::SnapshotAnnouncer(size_t sender) {
  TellLater([sender](Reconciler& reconciler, const ClockPair&, Actions&) {
    reconciler.OnAnnouncerConnected(sender);
  });
  for (const auto& [channel, announcement] : announced_[sender]) {
    TellLater(
        [sender, kept = announcement](Reconciler& reconciler, const ClockPair& now, Actions& out) {
          reconciler.OnAnnouncement(sender, {.announcement = kept}, now, out);
        });
  }
  TellLater([sender](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnAnnouncerSynced(sender, now, out);
  });
}

std::vector<Leg> SimWorld::Legs(size_t sender) const {
  std::vector<Leg> legs;
  int index = 1;
  for (const std::string link : {"lan", "vlan20"}) {
    const auto down = leg_down_.find({sender, link});
    legs.push_back(
        {.link = link,
         .interface = "eth" + std::to_string(index),
         .up = down == leg_down_.end() || !down->second,
         .addresses = {},
         .mtu = 1500,
         .service_address_ipv4 = IpAddress::Parse(fmt::format("192.0.2.{}", index)),
         .service_address_ipv6 = IpAddress::Parse(fmt::format("2001:db8:{}::1", index))});
    ++index;
  }
  return legs;
}

void SimWorld::TellLegs(size_t sender) {
  TellLater([sender, legs = Legs(sender), capacity = capacities_[sender]](
                Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnLegs(sender, legs, capacity, now, out);
  });
}

void SimWorld::SetLegUp(size_t sender, const std::string& link, bool up) {
  leg_down_[{sender, link}] = !up;
  TellLater([sender, legs = Legs(sender), capacity = capacities_[sender]](
                Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnLegs(sender, legs, capacity, now, out);
  });
}

void SimWorld::Publish(const GroupRecord& record) {
  TellLater([watcher = WatcherOf(record.link), record](Reconciler& reconciler, const ClockPair& now,
                                                       Actions& out) {
    reconciler.OnGroup(watcher, record, now, out);
  });
}

void SimWorld::Join(std::string_view group, const std::string& link) {
  const IpAddress address = *IpAddress::Parse(group);
  GroupRecord& truth = members_[{address, link}];
  truth.link = link;
  truth.group = address;
  truth.exclude = true;
  ++truth.member_count;
  truth.last_join = Clocks().wall;
  memberless_since_.erase(ChannelOf(group));
  Watcher& watcher = watchers_[WatcherOf(link)];
  if (!watcher.up) return;
  GroupRecord& heard = watcher.heard[address];
  const uint64_t joins = heard.joins_total + 1;
  heard = truth;
  heard.joins_total = joins;
  Publish(heard);
}

void SimWorld::JoinSource(std::string_view group, const std::string& source,
                          const std::string& link) {
  GroupRecord record{.link = link,
                     .group = *IpAddress::Parse(group),
                     .exclude = false,
                     .sources = {*IpAddress::Parse(source)},
                     .member_count = 1,
                     .joins_total = 1,
                     .last_join = Clocks().wall};
  members_[{record.group, link}] = record;
  watchers_[WatcherOf(link)].heard[record.group] = record;
  Publish(record);
}

void SimWorld::Leave(std::string_view group, const std::string& link) {
  const IpAddress address = *IpAddress::Parse(group);
  const auto truth = members_.find({address, link});
  if (truth == members_.end()) return;
  Watcher& watcher = watchers_[WatcherOf(link)];
  const size_t index = WatcherOf(link);
  if (--truth->second.member_count > 0 && truth->second.exclude) {
    if (!watcher.up || !watcher.heard.contains(address)) return;
    watcher.heard[address].member_count = truth->second.member_count;
    Publish(watcher.heard[address]);
    return;
  }
  members_.erase(truth);
  if (!HasMember(ChannelOf(group))) memberless_since_[ChannelOf(group)] = now_;
  if (!watcher.up || watcher.heard.erase(address) == 0) return;
  TellLater([index, link, address](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnGroupRemoved(index, link, address, now, out);
  });
}

void SimWorld::KillWatcher(size_t watcher) {
  watchers_[watcher] = {};
  TellLater([watcher](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnWatcherDisconnected(watcher, now, out);
  });
}

void SimWorld::StartWatcher(size_t index, bool members_answer) {
  Watcher& watcher = watchers_[index];
  if (!watcher.up) watcher = {.up = true, .sync = LinkSync::kWarming, .heard = {}};
  SnapshotWatcher(index);
  if (!members_answer) return;
  for (const auto& [key, truth] : members_) {
    if (WatcherOf(key.second) != index) continue;
    GroupRecord& heard = watcher.heard[key.first];
    const uint64_t joins = heard.joins_total + truth.member_count;
    heard = truth;
    heard.joins_total = joins;
    heard.last_join = Clocks().wall;
    Publish(heard);
  }
}

void SimWorld::SetLinkSync(size_t index, LinkSync sync) {
  if (!watchers_[index].up) return;
  watchers_[index].sync = sync;
  const std::string link = index == 0 ? "lan" : "vlan20";
  TellLater([=](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnLink(index, link, sync, now, out);
  });
}

void SimWorld::KillPackager(size_t sender) {
  packagers_[sender] = {.up = false, .life = packagers_[sender].life + 1};
  const auto killed = std::exchange(running_[sender], {});
  for (const auto& [channel, session] : killed) WatchDoubled(channel);
  TellLater([sender](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnPackagerDisconnected(sender, now, out);
  });
}

void SimWorld::CutPackager(size_t sender) {
  packagers_[sender].up = false;
  TellLater([sender](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnPackagerDisconnected(sender, now, out);
  });
}

// As the shell does, which remembers it.
void SimWorld::SetDrained(size_t sender, bool drained) {
  if (drained) drained_.insert(sender);
  if (!drained) drained_.erase(sender);
  Tell([=](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.SetDrained(sender, drained, now, out);
  });
}

void SimWorld::SetCapacity(size_t sender, size_t capacity) {
  capacities_[sender] = capacity;
  TellLegs(sender);
}

std::vector<size_t> SimWorld::SendersOf(const Channel& channel) const {
  std::vector<size_t> senders;
  for (size_t i = 0; i < running_.size(); ++i) {
    const auto session = running_[i].find(channel);
    if (session == running_[i].end()) continue;
    const PackagerState state = session->second.status.state;
    if (state == PackagerState::kSending || state == PackagerState::kSilent) senders.push_back(i);
  }
  return senders;
}

void SimWorld::WatchDoubled(const Channel& channel) {
  if (SendersOf(channel).size() > 1) {
    doubled_since_.try_emplace(channel, now_);
  } else if (const auto since = doubled_since_.extract(channel)) {
    longest_doubled_ = std::max(longest_doubled_, now_ - since.mapped());
  }
}

Duration SimWorld::LongestDoubled() const {
  Duration longest = longest_doubled_;
  for (const auto& [channel, since] : doubled_since_) longest = std::max(longest, now_ - since);
  return longest;
}

std::optional<size_t> SimWorld::SenderOf(std::string_view group) const {
  const std::vector<size_t> senders = SendersOf(ChannelOf(group));
  return senders.size() == 1 ? std::optional(senders[0]) : std::nullopt;
}

void SimWorld::StartPackager(size_t sender) {
  packagers_[sender].up = true;
  SnapshotPackager(sender);
}

void SimWorld::KillAnnouncer(size_t sender) {
  announcers_[sender] = {.up = false, .life = announcers_[sender].life + 1};
  announced_[sender].clear();
  TellLater([sender](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnAnnouncerDisconnected(sender, now, out);
  });
}

void SimWorld::StartAnnouncer(size_t sender) {
  announcers_[sender].up = true;
  SnapshotAnnouncer(sender);
}

void SimWorld::SetTitle(std::string_view group, const std::string& title) {
  RunningSession& session = running_[0].at(ChannelOf(group));
  session.status.info.title = title;
  session.status.info.began = Clocks().wall;
  Publish(0, ChannelOf(group));
}

void SimWorld::GoSilent(std::string_view group, bool silent) {
  RunningSession& session = running_[0].at(ChannelOf(group));
  session.status.state = silent ? PackagerState::kSilent : PackagerState::kSending;
  session.status.error = silent ? "the source is gone" : "";
  Publish(0, ChannelOf(group));
}

void SimWorld::FailSession(std::string_view group, const std::string& error) {
  RunningSession& session = running_[0].at(ChannelOf(group));
  session.status.state = PackagerState::kFailed;
  session.status.error = error;
  session.status.error_reason = "silence";
  WatchDoubled(ChannelOf(group));
  Publish(0, ChannelOf(group));
}

const Session* SimWorld::Find(std::string_view group) const {
  return reconciler_->Find(ChannelOf(group));
}

State SimWorld::StateOf(std::string_view group) const {
  const Session* session = Find(group);
  return session == nullptr ? State::kIdle : session->state;
}

std::string SimWorld::Sent(std::string_view group) const {
  std::string links;
  for (const auto& sessions : running_) {
    const auto session = sessions.find(ChannelOf(group));
    if (session == sessions.end()) continue;
    if (session->second.status.state != PackagerState::kSending) continue;
    for (const std::string& link : session->second.spec.links) {
      links += (links.empty() ? "" : ",") + link;
    }
  }
  return links;
}

std::string SimWorld::Announced(std::string_view group) const {
  std::string links;
  for (const auto& announcements : announced_) {
    const auto announcement = announcements.find(ChannelOf(group));
    if (announcement == announcements.end()) continue;
    for (const AnnouncedLink& link : announcement->second.links) {
      links += (links.empty() ? "" : ",") + link.link;
    }
  }
  return links;
}

std::vector<std::string> SimWorld::StepsOf(std::string_view group) const {
  const Session* session = Find(group);
  if (session == nullptr) session = reconciler_->FindEnded(ChannelOf(group));
  std::vector<std::string> steps;
  if (session == nullptr) return steps;
  for (const TimelineStep& step : session->timeline.Steps()) steps.emplace_back(step.step);
  return steps;
}

size_t SimWorld::Count(std::string_view prefix) const {
  return static_cast<size_t>(std::count_if(calls_.begin(), calls_.end(), [&](const Call& call) {
    return call.text.starts_with(prefix);
  }));
}

const PackagerStatus* SimWorld::PackagerHas(size_t sender, std::string_view group) const {
  const auto session = running_[sender].find(ChannelOf(group));
  return session == running_[sender].end() ? nullptr : &session->second.status;
}

const Announcement* SimWorld::AnnouncerHas(size_t sender, std::string_view group) const {
  const auto announcement = announced_[sender].find(ChannelOf(group));
  return announcement == announced_[sender].end() ? nullptr : &announcement->second;
}

std::vector<Channel> SimWorld::Running() const {
  std::set<Channel> all;
  for (const auto& sessions : running_) {
    for (const auto& [channel, session] : sessions) all.insert(channel);
  }
  for (const auto& announcements : announced_) {
    for (const auto& [channel, announcement] : announcements) all.insert(channel);
  }
  return {all.begin(), all.end()};
}

bool SimWorld::HasMember(const Channel& channel) const {
  return std::any_of(members_.begin(), members_.end(),
                     [&](const auto& entry) { return entry.first.first == channel.group; });
}

MonoTime SimWorld::MemberlessSince(const Channel& channel) const {
  const auto since = memberless_since_.find(channel);
  return since == memberless_since_.end() ? MonoTime{} : since->second;
}

}  // namespace headwater::session_manager
