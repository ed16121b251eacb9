// What is done about the difference: withdrawn at once, published at a pace that a zone's Avahi can
// follow, each source in its turn.
#include <algorithm>

#include "services/mdns-zone-proxy/mirror.h"

namespace headwater::zone {
namespace {

// Of what Avahi publishes (RFC 6762 section 10).
constexpr Duration kPtrTtl = 75min;
// An Avahi that takes longer for one has too much to do, and is given fewer at a time.
constexpr Duration kPromptMax = 2s;
constexpr size_t kPaceMin = 32;
// Who has not been answered by then is not waited for.
constexpr Duration kAnswerMax = 10s;
// A record is not multicast again within a second (RFC 6762 section 6).
constexpr Duration kUpdateInterval = 1s;

using State = Publication::State;

bool IsSameButForTxt(const MirroredService& a, const MirroredService& b) {
  return a.key == b.key && a.host == b.host && a.port == b.port && a.subtypes == b.subtypes;
}

}  // namespace

bool Mirror::MayPublish(size_t zone, const Publication& publication, MonoTime now) {
  if (publication.id != 0) return false;
  if (!zones_[zone]->seen.IsUsable(now)) {
    DirtyAt(zones_[zone]->seen.usable());
    return false;
  }
  if (publication.state != State::kFailed || now >= publication.retry) return true;
  DirtyAt(publication.retry);
  return false;
}

void Mirror::Begin(Publication& publication, MonoTime now) {
  publication.id = next_id_++;
  publication.state = State::kPublishing;
  publication.busy = now + kAnswerMax;
  DirtyAt(publication.busy);
  Dirty(now);
}

void Mirror::AdjustPace(size_t index, const Publication& publication, MonoTime now) {
  Zone& zone = *zones_[index];
  const MonoTime begun = publication.busy - kAnswerMax;
  if (now - begun <= kPromptMax) {
    zone.pace = std::min(zone.pace + 1, kPaceMax);
  } else if (begun >= zone.slowed) {
    // Once for all that were given to it before it was slowed.
    zone.pace = std::max(zone.pace / 2, kPaceMin);
    zone.slowed = now;
  }
}

void Mirror::SetWaiting(const MirrorKey& key, Mirrored& mirrored, Waiting waiting) {
  if (mirrored.waiting == waiting) return;
  mirrored.waiting = waiting;
  touched_.insert(key);
}

void Mirror::WithdrawServices(size_t to, MonoTime now) {
  const auto end = mirrored_.lower_bound(MirrorKey{to + 1, 0, {}});
  for (auto it = mirrored_.lower_bound(MirrorKey{to, 0, {}}); it != end; ++it) {
    Mirrored& mirrored = it->second;
    const bool wanted = mirrored.IsReady();
    mirrored.placed = mirrored.placed && wanted;
    if (mirrored.publication.id == 0) continue;
    if (wanted && IsSameButForTxt(mirrored.running, mirrored.wanted)) continue;
    touched_.insert(it->first);
    if (!wanted) ++zones_[to]->counters.withdrawn;
    ForgetName(to, mirrored.running.key, now);
    Unpublish(to, mirrored.publication);
  }
}

Mirror::Shares Mirror::CountShares(size_t to, MonoTime now) {
  const Zone& zone = *zones_[to];
  Shares shares = {FairShare(options_.limits.mirrored_max, zones_.size(), zone.sources),
                   FairShare(zone.pace, zones_.size(), zone.sources)};
  const auto count = [&](size_t from, const Publication& publication) {
    if (now >= publication.busy) return;
    shares.pace.Take(from);
    DirtyAt(publication.busy);
  };
  const auto end = mirrored_.lower_bound(MirrorKey{to + 1, 0, {}});
  for (auto it = mirrored_.lower_bound(MirrorKey{to, 0, {}}); it != end; ++it) {
    if (it->second.placed) shares.places.Take(it->first.from);
    count(it->first.from, it->second.publication);
  }
  for (const auto& [key, address] : zone.addresses) count(address.from, address.publication);
  for (const auto& [name, ghost] : zone.ghosts) count(ghost.from, ghost.publication);
  return shares;
}

// Of services that have their place; those of the others come with them.
void Mirror::CompareAddresses(size_t to, MonoTime now, FairShare& pace, Actions& out) {
  Zone& zone = *zones_[to];
  std::map<AddressKey, size_t> wanted;
  const auto end = mirrored_.lower_bound(MirrorKey{to + 1, 0, {}});
  for (auto it = mirrored_.lower_bound(MirrorKey{to, 0, {}}); it != end; ++it) {
    if (!it->second.placed) continue;
    for (const IpAddress& address : it->second.addresses) {
      wanted[{it->second.wanted.host, address}] = it->first.from;
    }
  }
  for (auto it = zone.addresses.begin(); it != zone.addresses.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    Unpublish(to, it->second.publication);
    it = zone.addresses.erase(it);
  }
  for (const auto& [key, from] : wanted) {
    if (pace.HasRoom(from)) PublishAddressOf(to, from, key, now, pace, out);
  }
  std::set<std::string> hosts;
  for (const auto& [key, address] : zone.addresses) {
    if (address.publication.state == State::kPublished) hosts.insert(Fold(key.first));
  }
  if (hosts == zone.own_hosts) return;
  zone.own_hosts = std::move(hosts);
  Dirty(now);
}

void Mirror::PublishAddressOf(size_t to, size_t from, const AddressKey& key, MonoTime now,
                              FairShare& pace, Actions& out) {
  MirroredAddress& address = zones_[to]->addresses[key];
  address.from = from;
  if (!MayPublish(to, address.publication, now)) return;
  Begin(address.publication, now);
  pace.Take(from);
  out.push_back(PublishAddress{to, address.publication.id, key.first, key.second});
}

// Of each source first what has its place already, then what was published before, then what is
// new, the oldest first: a flood of names stands behind what is known. Each source has its turn.
void Mirror::PublishInTurns(size_t to, MonoTime now, Shares& shares, Actions& out) {
  using Queue = std::vector<std::map<MirrorKey, Mirrored>::iterator>;
  std::vector<Queue> queues(zones_.size());
  const auto end = mirrored_.lower_bound(MirrorKey{to + 1, 0, {}});
  for (auto it = mirrored_.lower_bound(MirrorKey{to, 0, {}}); it != end; ++it) {
    const Mirrored& mirrored = it->second;
    if (!mirrored.IsReady()) continue;
    const Publication& publication = mirrored.publication;
    const bool update = publication.id != 0 && mirrored.running.txt != mirrored.wanted.txt;
    if (update ? now >= publication.busy : MayPublish(to, publication, now)) {
      queues[it->first.from].push_back(it);
    }
  }
  size_t longest = 0;
  for (Queue& queue : queues) {
    const auto turn = [](const Mirrored& one) {
      return std::tuple(!one.placed, one.since == MonoTime{}, one.decided);
    };
    std::stable_sort(queue.begin(), queue.end(), [&](const auto& a, const auto& b) {
      return turn(a->second) < turn(b->second);
    });
    longest = std::max(longest, queue.size());
  }
  for (size_t i = 0; i < longest; ++i) {
    for (const Queue& queue : queues) {
      if (i < queue.size()) TakeTurn(queue[i], now, shares, out);
    }
  }
}

void Mirror::TakeTurn(std::map<MirrorKey, Mirrored>::iterator it, MonoTime now, Shares& shares,
                      Actions& out) {
  const MirrorKey& key = it->first;
  Mirrored& mirrored = it->second;
  if (!mirrored.placed && !shares.places.HasRoom(key.from)) {
    return SetWaiting(key, mirrored, Waiting::kFull);
  }
  // Of an update that waits the service is there all the same.
  const bool update = mirrored.publication.id != 0;
  if (!shares.pace.HasRoom(key.from)) {
    return SetWaiting(key, mirrored, update ? Waiting::kNot : Waiting::kTurn);
  }
  if (!mirrored.placed) shares.places.Take(key.from);
  mirrored.placed = true;
  SetWaiting(key, mirrored, Waiting::kNot);
  shares.pace.Take(key.from);
  touched_.insert(key);
  if (update) {
    mirrored.running.txt = mirrored.wanted.txt;
    mirrored.publication.busy = now + kUpdateInterval;
    out.push_back(
        UpdateTxt{key.to, mirrored.publication.id, mirrored.running.key, mirrored.running.txt});
    return DirtyAt(mirrored.publication.busy);
  }
  Begin(mirrored.publication, now);
  mirrored.running = mirrored.wanted;
  zones_[key.to]->own_names[{mirrored.running.key.type, Fold(mirrored.running.key.name)}] = kNever;
  out.push_back(PublishService{key.to, mirrored.publication.id, mirrored.running});
  for (const IpAddress& address : mirrored.addresses) {
    PublishAddressOf(key.to, key.from, {mirrored.running.host, address}, now, shares.pace, out);
  }
}

void Mirror::KeepGhosts(size_t to, MonoTime now) {
  Zone& zone = *zones_[to];
  for (auto& [name, ghost] : zone.ghosts) ghost.publication = {};
  const auto end = mirrored_.lower_bound(MirrorKey{to + 1, 0, {}});
  for (auto it = mirrored_.lower_bound(MirrorKey{to, 0, {}}); it != end; ++it) {
    if (it->second.publication.id == 0 || zone.ghosts.size() >= options_.limits.mirrored_max) {
      continue;
    }
    const MirroredService& service = it->second.running;
    zone.ghosts[{service.key.type, Fold(service.key.name)}] = {
        service, it->first.from, it->first.key, {}, now + kPtrTtl};
  }
}

void Mirror::LayGhost(size_t zone, Ghost& ghost, MonoTime now) {
  if (ghost.publication.id == 0) return;
  ForgetName(zone, ghost.service.key, now);
  Unpublish(zone, ghost.publication);
}

void Mirror::LayGhosts(size_t to, MonoTime now) {
  Zone& zone = *zones_[to];
  if (zone.ghosts.empty() || !zone.seen.up()) return;
  // Names that are published anew, or will be; true: listeners have heard it.
  std::map<NameKey, bool> alive;
  const auto end = mirrored_.lower_bound(MirrorKey{to + 1, 0, {}});
  for (auto it = mirrored_.lower_bound(MirrorKey{to, 0, {}}); it != end; ++it) {
    const ServiceKey& key = it->second.wanted.key;
    if (!it->second.IsReady()) continue;
    alive[{key.type, Fold(key.name)}] = it->second.publication.state == State::kPublished;
  }
  for (auto it = zone.ghosts.begin(); it != zone.ghosts.end();) {
    Ghost& ghost = it->second;
    const bool laid = ghost.publication.state == State::kPublished || now >= ghost.until;
    const auto same = alive.find(it->first);
    const bool heard = same != alive.end() && same->second;
    ghost.alive = same != alive.end();
    if (laid || heard || ghost.alive) LayGhost(to, ghost, now);
    it = laid || heard ? zone.ghosts.erase(it) : std::next(it);
  }
}

void Mirror::RaiseGhosts(size_t to, MonoTime now, FairShare& pace, Actions& out) {
  Zone& zone = *zones_[to];
  for (auto& [name, ghost] : zone.ghosts) {
    if (ghost.alive || !zone.seen.up()) continue;
    // Denied since then: it is not even said goodbye for.
    if (!policy_
             .Decide(zones_[ghost.from]->name, zone.name, ghost.home, ghost.service.subtypes, true)
             .allow) {
      LayGhost(to, ghost, now);
      continue;
    }
    if (!MayPublish(to, ghost.publication, now) || !pace.HasRoom(ghost.from)) continue;
    Begin(ghost.publication, now);
    pace.Take(ghost.from);
    zone.own_names[name] = kNever;
    out.push_back(PublishService{to, ghost.publication.id, ghost.service});
  }
}

}  // namespace headwater::zone
