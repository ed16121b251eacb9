#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/session-manager/media.h"
#include "services/session-manager/outlet.h"

namespace headwater::session_manager {

// A packager and an announcer in one network namespace, as the manager knows them. Legs and lists
// outlive a lost stream: they are the newest that is known.
struct Sender {
  bool packager_synced = false;
  bool legs_known = false;
  bool announcer_synced = false;
  std::vector<Leg> legs;
  std::map<Channel, PackagerOutlet> sessions;
  std::map<Channel, AnnouncerOutlet> announcements;
  // Gets no new sessions, and those that it has move to others.
  bool drained = false;
  // Sessions that its packager takes at once; 0: not known.
  size_t capacity = 0;
  // Since when its packager is not heard any more; kNever: it is, or never was.
  MonoTime away_since = kNever;

  // What it runs and where it can send is known.
  bool packager_ready() const { return packager_synced && legs_known; }
  // Its packager takes one more session. What is still being ended there counts.
  bool has_room() const { return capacity == 0 || sessions.size() < capacity; }
  bool HasLegUp(const std::string& link) const;
  std::optional<IpAddress> ServiceAddress(const std::string& link, IpAddress::Family family) const;
};

// Hop limit or TTL by the group's scope: link 1, site 16, organisation 32, global 64. IPv4 scopes
// are those of RFC 2365.
uint8_t HopLimitByScope(const IpAddress& group);

}  // namespace headwater::session_manager
