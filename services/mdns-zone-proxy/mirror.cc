#include "services/mdns-zone-proxy/mirror.h"

#include <algorithm>

namespace headwater::zone {
namespace {

constexpr size_t kDelaysMax = 4096;
// Names of one service that may turn out to be taken before all are tried again.
constexpr size_t kCollidedMax = 16;

using State = Publication::State;

}  // namespace

std::string_view ToString(Waiting waiting) {
  constexpr std::array<std::string_view, kWaitingCount> kNames = {
      "", "resolving", "no_address", "long_txt", "target", "full", "name", "turn"};
  return kNames[static_cast<size_t>(waiting)];
}

Mirror::Mirror(const Options& options) : options_(options), policy_(options.rules) {
  for (const ZoneOptions& zone : options_.zones) {
    zones_.push_back(std::make_unique<Zone>(options_, zone.name));
  }
  rules_.resize(policy_.rules().size());
  CountSources();
}

void Mirror::CountSources() {
  for (const auto& to : zones_) {
    to->sources = static_cast<size_t>(
        std::count_if(zones_.begin(), zones_.end(), [&](const std::unique_ptr<Zone>& from) {
          return from != to && policy_.MayCross(from->name, to->name);
        }));
  }
}

void Mirror::SetPolicy(std::vector<Rule> rules, MonoTime now) {
  std::map<std::string, uint64_t> totals;
  for (size_t i = 0; i < rules_.size(); ++i) {
    totals[policy_.rules()[i].name] = rules_[i].published_total;
  }
  policy_ = Policy(std::move(rules));
  rules_.assign(policy_.rules().size(), {});
  for (size_t i = 0; i < rules_.size(); ++i) {
    rules_[i].published_total = totals[policy_.rules()[i].name];
  }
  for (const auto& zone : zones_) {
    for (auto& [key, service] : zone->seen.services()) service.decisions.clear();
  }
  for (const auto& [key, mirrored] : mirrored_) touched_.insert(key);
  CountSources();
  // At once: what is denied from now on must not go out in the meantime.
  DirtyAt(now);
}

void Mirror::SetResolveAll(bool all, MonoTime now) {
  if (resolve_all_ == all) return;
  resolve_all_ = all;
  Dirty(now);
}

void Mirror::Dirty(MonoTime now) { DirtyAt(now + options_.timing.gather); }

void Mirror::DirtyAt(MonoTime when) { deadline_ = std::min(deadline_, when); }

MonoTime Mirror::Backoff(int failures, MonoTime now) const {
  const Timing& timing = options_.timing;
  Duration wait = timing.backoff_first;
  for (int i = 1; i < failures && wait < timing.backoff_max; ++i) wait *= 2;
  return now + std::min(wait, timing.backoff_max);
}

void Mirror::OnZoneUp(size_t zone, MonoTime now) {
  zones_[zone]->seen.OnUp(now);
  Dirty(now);
}

void Mirror::OnZoneDown(size_t index, MonoTime now) {
  Zone& zone = *zones_[index];
  if (!zone.seen.up()) return;
  zone.seen.OnDown(now);
  ++zone.counters.restarts;
  KeepGhosts(index, now);
  zone.lookups.clear();
  zone.addresses.clear();
  zone.hosts.clear();
  zone.own_names.clear();
  zone.own_hosts.clear();
  for (auto& [key, mirrored] : mirrored_) {
    if (key.to != index) continue;
    mirrored.publication = {};
    mirrored.collided.clear();
    touched_.insert(key);
  }
  Dirty(now);
}

void Mirror::OnType(size_t zone, std::string_view type, const Place& place, bool added,
                    MonoTime now) {
  const auto own = zones_[zone]->own_names.lower_bound({Fold(type), ""});
  const bool is_own = own != zones_[zone]->own_names.end() && own->first.first == Fold(type);
  zones_[zone]->seen.OnType(type, place, added, is_own);
  Dirty(now);
}

void Mirror::OnItem(size_t zone, const Lookup& browse, const ZoneServices::Item& item, bool added,
                    MonoTime now) {
  zones_[zone]->seen.OnItem(browse, item, added, now);
  Dirty(now);
}

void Mirror::OnRecord(size_t zone, const Lookup& lookup, const Place& place, Bytes rdata,
                      bool added, MonoTime now) {
  if (!zones_[zone]->lookups.contains(lookup)) return;
  zones_[zone]->seen.OnRecord(lookup, place, rdata, added);
  Dirty(now);
}

void Mirror::OnLookupFailed(size_t zone, const Lookup& lookup, MonoTime now) {
  const auto found = zones_[zone]->lookups.find(lookup);
  if (found == zones_[zone]->lookups.end()) return;
  RunningLookup& running = found->second;
  ++zones_[zone]->counters.lookup_failures;
  running.idle = true;
  running.retry = Backoff(++running.failures, now);
  DirtyAt(running.retry);
}

Publication* Mirror::Find(size_t zone, uint64_t id) {
  const auto mirrored = FindMirrored(zone, id);
  if (mirrored != mirrored_.end()) return &mirrored->second.publication;
  for (auto& [key, address] : zones_[zone]->addresses) {
    if (address.publication.id == id) return &address.publication;
  }
  for (auto& [key, ghost] : zones_[zone]->ghosts) {
    if (ghost.publication.id == id) return &ghost.publication;
  }
  return nullptr;
}

std::map<MirrorKey, Mirrored>::iterator Mirror::FindMirrored(size_t zone, uint64_t id) {
  const auto end = mirrored_.lower_bound(MirrorKey{zone + 1, 0, {}});
  for (auto it = mirrored_.lower_bound(MirrorKey{zone, 0, {}}); it != end; ++it) {
    if (it->second.publication.id == id) return it;
  }
  return mirrored_.end();
}

void Mirror::OnPublished(size_t zone, uint64_t id, MonoTime now) {
  Publication* publication = Find(zone, id);
  if (publication == nullptr || publication->state != State::kPublishing) return;
  AdjustPace(zone, *publication, now);
  publication->state = State::kPublished;
  publication->busy = {};
  publication->failures = 0;
  const auto mirrored = FindMirrored(zone, id);
  if (mirrored == mirrored_.end()) return Dirty(now);  // an address: its host is ours now
  const MirrorKey& key = mirrored->first;
  ++zones_[zone]->counters.published;
  ++rules_[mirrored->second.rule].published_total;
  touched_.insert(key);
  if (mirrored->second.since == MonoTime{}) {
    const auto service = zones_[key.from]->seen.services().find(key.key);
    if (service != zones_[key.from]->seen.services().end() && delays_.size() < kDelaysMax) {
      delays_.push_back(now - service->second.first_seen);
    }
  }
  mirrored->second.since = now;
  Dirty(now);
}

void Mirror::OnCollided(size_t zone, uint64_t id, MonoTime now) {
  ++zones_[zone]->counters.collisions;
  const auto mirrored = FindMirrored(zone, id);
  if (mirrored != mirrored_.end()) {
    std::set<std::string>& collided = mirrored->second.collided;
    if (collided.size() >= kCollidedMax) collided.clear();
    collided.insert(Fold(mirrored->second.running.key.name));
    ForgetName(zone, mirrored->second.running.key, now);
    Unpublish(zone, mirrored->second.publication);
    touched_.insert(mirrored->first);
    return Dirty(now);
  }
  for (auto& [key, address] : zones_[zone]->addresses) {
    if (address.publication.id != id) continue;
    for (auto& [host, alias] : zones_[zone]->hosts) {
      if (alias.published != key.first) continue;
      if (alias.collided.size() >= kCollidedMax) alias.collided.clear();
      alias.collided.insert(Fold(key.first));
    }
    Unpublish(zone, address.publication);
    return Dirty(now);
  }
  for (auto it = zones_[zone]->ghosts.begin(); it != zones_[zone]->ghosts.end(); ++it) {
    if (it->second.publication.id != id) continue;
    // Somebody has the name now, so it is no ghost.
    LayGhost(zone, it->second, now);
    zones_[zone]->ghosts.erase(it);
    return;
  }
}

void Mirror::OnPublishFailed(size_t zone, uint64_t id, MonoTime now) {
  Publication* publication = Find(zone, id);
  if (publication == nullptr) return;
  ++zones_[zone]->counters.publish_failures;
  const auto mirrored = FindMirrored(zone, id);
  if (mirrored != mirrored_.end()) {
    ForgetName(zone, mirrored->second.running.key, now);
    touched_.insert(mirrored->first);
  }
  const int failures = publication->failures + 1;
  Unpublish(zone, *publication);
  publication->state = State::kFailed;
  publication->failures = failures;
  publication->retry = Backoff(failures, now);
  DirtyAt(publication->retry);
}

void Mirror::Unpublish(size_t zone, Publication& publication) {
  if (publication.id != 0) withdrawals_.push_back(Withdraw{zone, publication.id});
  publication = {};
}

// The name may be told as a stranger's for a second yet.
void Mirror::ForgetName(size_t zone, const ServiceKey& key, MonoTime now) {
  const MonoTime until = now + options_.timing.own_memory;
  zones_[zone]->own_names[{key.type, Fold(key.name)}] = until;
  DirtyAt(until);
}

void Mirror::Remove(std::map<MirrorKey, Mirrored>::iterator it, MonoTime now) {
  const size_t to = it->first.to;
  if (it->second.publication.id != 0) {
    ++zones_[to]->counters.withdrawn;
    ForgetName(to, it->second.running.key, now);
    Unpublish(to, it->second.publication);
  }
  touched_.insert(it->first);
  mirrored_.erase(it);
}

void Mirror::Act(MonoTime now, Actions& out) {
  deadline_ = kNever;
  for (const auto& zone : zones_) {
    zone->seen.Sweep(now);
    std::erase_if(zone->own_names, [now](const auto& entry) { return entry.second <= now; });
    for (const auto& [name, until] : zone->own_names) DirtyAt(until);
  }
  std::vector<std::set<Lookup>> needs(zones_.size());
  DecideAll(now, needs);
  for (size_t to = 0; to < zones_.size(); ++to) AssignNames(to);
  for (auto& [key, mirrored] : mirrored_) Describe(key, mirrored);
  Actions started;
  for (size_t to = 0; to < zones_.size(); ++to) {
    AssignHosts(to);
    LayGhosts(to, now);
    WithdrawServices(to, now);
    Shares shares = CountShares(to, now);
    CompareAddresses(to, now, shares.pace, started);
    PublishInTurns(to, now, shares, started);
    RaiseGhosts(to, now, shares.pace, started);
    if (zones_[to]->seen.up()) CompareLookups(to, needs[to], now, started);
    DirtyAt(zones_[to]->seen.NextSweep());
  }
  for (Action& action : withdrawals_) out.push_back(std::move(action));
  withdrawals_.clear();
  for (Action& action : started) out.push_back(std::move(action));
  Count();
}

void Mirror::CompareLookups(size_t index, const std::set<Lookup>& wanted, MonoTime now,
                            Actions& out) {
  Zone& zone = *zones_[index];
  for (const Lookup& again : zone.seen.TakeCutOff()) {
    if (zone.lookups.erase(again) > 0) out.push_back(StopLookup{index, again});
  }
  // Both in one order, so they are gone through side by side.
  auto have = zone.lookups.begin();
  for (const Lookup& lookup : wanted) {
    while (have != zone.lookups.end() && have->first < lookup) have = EndLookup(index, have, out);
    if (have == zone.lookups.end() || lookup < have->first) {
      have = zone.lookups.emplace_hint(have, lookup, RunningLookup{.retry = now});
    }
    BeginLookup(index, lookup, have->second, now, out);
    ++have;
  }
  while (have != zone.lookups.end()) have = EndLookup(index, have, out);
}

std::map<Lookup, Mirror::RunningLookup>::iterator Mirror::EndLookup(
    size_t zone, std::map<Lookup, RunningLookup>::iterator it, Actions& out) {
  if (!it->second.idle) out.push_back(StopLookup{zone, it->first});
  zones_[zone]->seen.Forget(it->first);
  return zones_[zone]->lookups.erase(it);
}

void Mirror::BeginLookup(size_t zone, const Lookup& lookup, RunningLookup& running, MonoTime now,
                         Actions& out) {
  if (!running.idle) return;
  if (now < running.retry) return DirtyAt(running.retry);
  running.idle = false;
  out.push_back(StartLookup{zone, lookup});
}

void Mirror::Count() {
  for (RuleCounters& counters : rules_) counters.mirrored = 0;
  for (const auto& [key, mirrored] : mirrored_) {
    if (mirrored.publication.state == State::kPublished) ++rules_[mirrored.rule].mirrored;
  }
}

}  // namespace headwater::zone
