#include "services/session-manager/membership_view.h"

#include <algorithm>

#include "services/common/base/fault.h"

namespace headwater::session_manager {

MembershipView::MembershipView(size_t watchers, Duration listener_interval)
    : listener_interval_(listener_interval), watchers_(watchers) {}

void MembershipView::OnConnected(size_t watcher, MonoTime now) {
  OnDisconnected(watcher, now);
  watchers_[watcher].connected = true;
  for (auto& [name, link] : watchers_[watcher].links) {
    link.listed = false;
    for (auto& [address, group] : link.groups) group.current = false;
  }
}

void MembershipView::OnDisconnected(size_t watcher, MonoTime now) {
  watchers_[watcher].connected = false;
  watchers_[watcher].synced = false;
  for (auto& [name, link] : watchers_[watcher].links) {
    if (link.unknown_since == kNever) link.unknown_since = now;
  }
}

void MembershipView::OnLink(size_t watcher, const std::string& link_name, LinkSync sync,
                            MonoTime now, Groups& changed) {
  Link& link = watchers_[watcher].links[link_name];
  link.listed = true;
  link.sync = sync;
  Settle(watchers_[watcher], link, now, changed);
}

void MembershipView::OnGroup(size_t watcher, const GroupRecord& record, Groups& changed) {
  Watcher& owner = watchers_[watcher];
  Link& link = owner.links[record.link];
  auto group = link.groups.find(record.group);
  if (group == link.groups.end()) {
    if (owner.groups >= kGroupsMax) {
      ++dropped_total_;
      return;
    }
    ++owner.groups;
    group = link.groups.emplace(record.group, Group{}).first;
  }
  group->second = {.record = record, .current = true};
  changed.push_back(record.group);
}

void MembershipView::OnRemoved(size_t watcher, const std::string& link_name,
                               const IpAddress& group_address, Groups& changed) {
  Watcher& owner = watchers_[watcher];
  const auto link = owner.links.find(link_name);
  if (link == owner.links.end()) return;
  const auto group = link->second.groups.find(group_address);
  if (group == link->second.groups.end()) return;
  if (link->second.sync != LinkSync::kSynced) {
    // A link that goes down or warms up takes its groups along; nobody has left.
    group->second.current = false;
    return;
  }
  link->second.groups.erase(group);
  --owner.groups;
  changed.push_back(group_address);
}

void MembershipView::OnSynced(size_t watcher, MonoTime now, Groups& changed) {
  watchers_[watcher].synced = true;
  for (auto& [name, link] : watchers_[watcher].links) {
    Settle(watchers_[watcher], link, now, changed);
  }
}

void MembershipView::Settle(Watcher& watcher, Link& link, MonoTime now, Groups& changed) {
  const bool known =
      (watcher.synced && link.listed && link.sync == LinkSync::kSynced) || FaultInjected("synced");
  if (known) {
    link.unknown_since = kNever;
    Forget(watcher, link, /*all=*/false, changed);
  } else if (link.unknown_since == kNever) {
    link.unknown_since = now;
  }
}

void MembershipView::Forget(Watcher& watcher, Link& link, bool all, Groups& changed) {
  for (auto group = link.groups.begin(); group != link.groups.end();) {
    if (group->second.current && !all) {
      ++group;
      continue;
    }
    changed.push_back(group->first);
    group = link.groups.erase(group);
    --watcher.groups;
  }
}

void MembershipView::OnTime(MonoTime now, Groups& changed) {
  for (Watcher& watcher : watchers_) {
    for (auto link = watcher.links.begin(); link != watcher.links.end();) {
      const bool over = link->second.unknown_since != kNever &&
                        now >= link->second.unknown_since + listener_interval_;
      // What a warming link has said in this stream stands: those hosts were heard.
      if (over) Forget(watcher, link->second, /*all=*/!watcher.connected, changed);
      link = over && !link->second.listed ? watcher.links.erase(link) : std::next(link);
    }
  }
}

MonoTime MembershipView::NextDeadline() const {
  MonoTime next = kNever;
  for (const Watcher& watcher : watchers_) {
    for (const auto& [name, link] : watcher.links) {
      if (link.unknown_since == kNever) continue;
      const bool has_remembered = std::any_of(
          link.groups.begin(), link.groups.end(),
          [&](const auto& entry) { return !entry.second.current || !watcher.connected; });
      if (has_remembered) next = std::min(next, link.unknown_since + listener_interval_);
    }
  }
  return next;
}

bool MembershipView::Counts(const GroupRecord& record, const Channel& channel,
                            const std::optional<IpAddress>& ours) {
  const auto listed = [&](const IpAddress& source) {
    return std::find(record.sources.begin(), record.sources.end(), source) != record.sources.end();
  };
  if (channel.source) {
    // What is sent into a link comes from that link's service address: a channel of another
    // link's would be filtered by the listener's own kernel.
    return ours && *ours == *channel.source && !record.exclude && listed(*channel.source);
  }
  if (!ours) return record.exclude || !record.sources.empty();
  return record.exclude != listed(*ours);
}

std::set<IpAddress> MembershipView::AllGroups() const {
  std::set<IpAddress> all;
  for (const Watcher& watcher : watchers_) {
    for (const auto& [name, link] : watcher.links) {
      for (const auto& [address, group] : link.groups) all.insert(address);
    }
  }
  return all;
}

bool MembershipView::AllSynced() const {
  return std::all_of(watchers_.begin(), watchers_.end(), [](const Watcher& watcher) {
    return watcher.connected && watcher.synced &&
           std::all_of(watcher.links.begin(), watcher.links.end(), [](const auto& entry) {
             return !entry.second.listed || entry.second.sync == LinkSync::kSynced;
           });
  });
}

std::vector<std::string> MembershipView::DoublyClaimed() const {
  std::map<std::string, int> claims;
  for (const Watcher& watcher : watchers_) {
    if (!watcher.connected) continue;
    for (const auto& [name, link] : watcher.links) claims[name] += link.listed ? 1 : 0;
  }
  std::vector<std::string> doubly;
  for (const auto& [name, count] : claims) {
    if (count > 1) doubly.push_back(name);
  }
  return doubly;
}

}  // namespace headwater::session_manager
