#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"

namespace headwater::session_manager {

// How complete what a watcher knows of a link is.
enum class LinkSync { kWarming, kSynced, kDown };

// State of one group on one link, as a watcher sees it.
struct GroupRecord {
  std::string link;
  IpAddress group;
  bool exclude = false;
  // Wanted sources, or with `exclude` the refused ones.
  std::vector<IpAddress> sources;
  uint32_t member_count = 0;
  uint64_t joins_total = 0;
  absl::Time last_join = absl::InfinitePast();
  bool operator==(const GroupRecord&) const = default;
};

// What the membership-watchers say, put together. **Unknown is not absent**: what a watcher said
// is remembered while its stream is away or its link is warming or down, until the link is synced
// again and says otherwise or the listener interval has passed. Bounded by 65536 groups per
// watcher; more are dropped and counted. Not thread-safe.
class MembershipView {
 public:
  // Members of a channel on one link.
  struct Presence {
    std::string link;
    size_t watcher = 0;
    uint32_t members = 0;
    // Of this watcher's process: it starts anew with it.
    uint64_t joins_total = 0;
    absl::Time last_join;
  };
  using Groups = std::vector<IpAddress>;

  static constexpr size_t kGroupsMax = 65536;

  MembershipView(size_t watchers, Duration listener_interval);

  void SetListenerInterval(Duration interval) { listener_interval_ = interval; }
  // One more, which gets the next index.
  void AddWatcher() { watchers_.emplace_back(); }

  // Inputs; each adds the groups whose presence may have changed to `changed`.
  // A new stream: its snapshot follows.
  void OnConnected(size_t watcher, MonoTime now);
  void OnLink(size_t watcher, const std::string& link, LinkSync sync, MonoTime now,
              Groups& changed);
  void OnGroup(size_t watcher, const GroupRecord& record, Groups& changed);
  void OnRemoved(size_t watcher, const std::string& link, const IpAddress& group, Groups& changed);
  // The snapshot is complete.
  void OnSynced(size_t watcher, MonoTime now, Groups& changed);
  void OnDisconnected(size_t watcher, MonoTime now);
  // Forgets what has been unknown for the listener interval.
  void OnTime(MonoTime now, Groups& changed);
  MonoTime NextDeadline() const;

  // Links on which somebody listens to the channel. `service_address` is what we send from on a
  // link; nothing when unknown, and then every member of a group without source counts.
  template <typename ServiceAddress>
  std::vector<Presence> Find(const Channel& channel, const ServiceAddress& service_address) const;
  // Every group known or remembered.
  std::set<IpAddress> AllGroups() const;
  // All streams synced and all their links too.
  bool AllSynced() const;
  // Links that several connected watchers claim.
  std::vector<std::string> DoublyClaimed() const;
  bool IsSynced(size_t watcher) const { return watchers_[watcher].synced; }
  uint64_t dropped_total() const { return dropped_total_; }

 private:
  struct Group {
    GroupRecord record;
    // Said by the present stream, not only remembered.
    bool current = true;
  };
  struct Link {
    LinkSync sync = LinkSync::kWarming;
    bool listed = false;
    // When its table stopped being known; kNever while it is known.
    MonoTime unknown_since = kNever;
    std::map<IpAddress, Group> groups;
  };
  struct Watcher {
    bool connected = false;
    bool synced = false;
    size_t groups = 0;
    std::map<std::string, Link> links;
  };

  static bool Counts(const GroupRecord& record, const Channel& channel,
                     const std::optional<IpAddress>& ours);
  // The link's table is complete or not, by its stream and its sync.
  void Settle(Watcher& watcher, Link& link, MonoTime now, Groups& changed);
  void Forget(Watcher& watcher, Link& link, bool all, Groups& changed);

  Duration listener_interval_;
  std::vector<Watcher> watchers_;
  uint64_t dropped_total_ = 0;
};

template <typename ServiceAddress>
std::vector<MembershipView::Presence> MembershipView::Find(
    const Channel& channel, const ServiceAddress& service_address) const {
  std::vector<Presence> found;
  for (size_t index = 0; index < watchers_.size(); ++index) {
    for (const auto& [name, link] : watchers_[index].links) {
      const auto group = link.groups.find(channel.group);
      if (group == link.groups.end()) continue;
      const GroupRecord& record = group->second.record;
      if (!Counts(record, channel, service_address(name, channel.group.family()))) continue;
      found.push_back({.link = name,
                       .watcher = index,
                       .members = record.member_count,
                       .joins_total = record.joins_total,
                       .last_join = record.last_join});
    }
  }
  return found;
}

}  // namespace headwater::session_manager
