// What is to be: which services cross, what for that must be asked, and under which names.
#include <algorithm>

#include "services/mdns-zone-proxy/mirror.h"

namespace headwater::zone {
namespace {

// Names tried before a service is left out.
constexpr int kAttemptsMax = 64;

// Of no use in another zone, or harmful there.
bool IsLocal(const IpAddress& address) {
  return address.IsLinkLocal() || address.IsLoopback() || address.IsMulticast() ||
         address.IsUnspecified();
}

bool Crosses(const Rule& rule, const IpAddress& address) {
  return !IsLocal(address) && (address.is_v4() ? rule.ipv4 : rule.ipv6);
}

}  // namespace

Decision Mirror::Decide(const Policy& policy, size_t from, size_t to, const ServiceKey& key,
                        const SeenService& service, MonoTime now) const {
  const bool settled = now >= service.first_seen + options_.timing.subtype_wait;
  return policy.Decide(zones_[from]->name, zones_[to]->name, key, service.SubtypeNames(), settled);
}

bool Mirror::IsForeign(size_t zone, const ServiceKey& key, const SeenService& service) const {
  const Zone& here = *zones_[zone];
  if (service.own) return false;
  if (!here.own_names.empty() && here.own_names.contains({key.type, Fold(key.name)})) return false;
  if (here.own_hosts.empty()) return true;
  const std::optional<Srv> srv = here.seen.SrvOf(service);
  return !srv || !here.own_hosts.contains(Fold(srv->host));
}

void Mirror::DecideAll(MonoTime now, std::vector<std::set<Lookup>>& needs) {
  firewall_.clear();
  for (const Rule& rule : policy_.rules()) {
    if (rule.nft_set.set.empty()) continue;
    if (rule.ipv4) firewall_[SetFor(rule.nft_set, IpAddress::Family::kIpv4)];
    if (rule.ipv6) firewall_[SetFor(rule.nft_set, IpAddress::Family::kIpv6)];
  }
  for (RuleCounters& counters : rules_) counters.matched = 0;
  ++round_;
  for (size_t from = 0; from < zones_.size(); ++from) {
    ZoneServices& seen = zones_[from]->seen;
    std::set<Lookup>& asked = needs[from];
    std::set<std::string> types = seen.Types();
    std::set<std::string> named = policy_.TypesFrom(zones_[from]->name);
    named.insert(options_.subtypes.begin(), options_.subtypes.end());
    for (const std::string& type : named) {
      const auto subtype = ParseSubtype(type);
      if (!subtype) types.insert(type);
      if (subtype && types.contains(subtype->type)) types.insert(type);
    }
    asked.insert({Lookup::Kind::kTypes, "", ""});
    for (const std::string& type : types) asked.insert({Lookup::Kind::kBrowse, type, ""});
    for (auto& [key, service] : seen.services()) {
      DecideService(from, key, service, now, asked);
    }
  }
  for (auto it = mirrored_.begin(); it != mirrored_.end();) {
    const auto next = std::next(it);
    if (it->second.round != round_) Remove(it, now);
    it = next;
  }
}

void Mirror::DecideService(size_t from, const ServiceKey& key, SeenService& service, MonoTime now,
                           std::set<Lookup>& needs) {
  if (!service.IsThere() || !IsForeign(from, key, service)) return;
  bool needed = resolve_all_;
  if (now < service.ready) {
    DirtyAt(service.ready);
  } else {
    service.decisions.resize(zones_.size(), Decision{.wait = true});
    for (size_t to = 0; to < zones_.size(); ++to) {
      if (to == from) continue;
      Decision& decision = service.decisions[to];
      if (decision.wait) decision = Decide(policy_, from, to, key, service, now);
      if (decision.wait) DirtyAt(service.first_seen + options_.timing.subtype_wait);
      if (!decision.rule) continue;
      const Rule& rule = policy_.rules()[*decision.rule];
      ++rules_[*decision.rule].matched;
      needed = needed || decision.allow || !rule.nft_set.set.empty();
      if (!rule.nft_set.set.empty()) AddToFirewall(rule, from, key, service);
      if (!decision.allow) continue;
      const MirrorKey mirror_key = {to, from, key};
      const auto [entry, added] = mirrored_.try_emplace(mirror_key);
      entry->second.rule = *decision.rule;
      entry->second.round = round_;
      if (added) entry->second.decided = now;
      if (added) touched_.insert(mirror_key);
    }
  }
  if (needed) Need(from, key, service, needs);
}

void Mirror::Need(size_t zone, const ServiceKey& key, const SeenService& service,
                  std::set<Lookup>& needs) const {
  needs.insert({Lookup::Kind::kSrv, key.type, key.name});
  needs.insert({Lookup::Kind::kTxt, key.type, key.name});
  const std::optional<Srv> srv = zones_[zone]->seen.SrvOf(service);
  if (!srv) return;
  needs.insert({Lookup::Kind::kIpv4, "", srv->host});
  needs.insert({Lookup::Kind::kIpv6, "", srv->host});
}

void Mirror::AddToFirewall(const Rule& rule, size_t from, const ServiceKey& key,
                           const SeenService& service) {
  const std::optional<Srv> srv = zones_[from]->seen.SrvOf(service);
  if (!srv || srv->port == 0) return;
  for (const IpAddress& address : zones_[from]->seen.AddressesOf(srv->host)) {
    if (!Crosses(rule, address)) continue;
    firewall_[SetFor(rule.nft_set, address.family())].insert(
        {address, key.type.ends_with("._tcp"), srv->port});
  }
}

std::string Mirror::FreeName(const MirrorKey& key, const Mirrored& mirrored,
                             const std::set<NameKey>& taken, int first) const {
  for (int attempt = first; attempt < kAttemptsMax; ++attempt) {
    std::string name = AlternateName(key.key.name, zones_[key.from]->name, attempt);
    const std::string folded = Fold(name);
    if (!taken.contains({key.key.type, folded}) && !mirrored.collided.contains(folded)) return name;
    if (first == 0) break;
  }
  return {};
}

// The zone's own services keep their names; then those keep theirs that come first, by zone; the
// rest get another. So the same services have the same names, whatever came when.
void Mirror::AssignNames(size_t to) {
  std::set<NameKey> taken;
  for (const auto& [key, service] : zones_[to]->seen.services()) {
    if (service.IsThere() && IsForeign(to, key, service)) taken.insert({key.type, Fold(key.name)});
  }
  const auto begin = mirrored_.lower_bound(MirrorKey{to, 0, {}});
  const auto end = mirrored_.lower_bound(MirrorKey{to + 1, 0, {}});
  // In the same order.
  std::vector<std::string> names(static_cast<size_t>(std::distance(begin, end)));
  for (const int first : {0, 1}) {
    auto name = names.begin();
    for (auto it = begin; it != end; ++it, ++name) {
      if (!name->empty()) continue;
      *name = FreeName(it->first, it->second, taken, first);
      if (!name->empty()) taken.insert({it->first.key.type, Fold(*name)});
    }
  }
  auto name = names.begin();
  for (auto it = begin; it != end; ++it, ++name) {
    ServiceKey wanted = {it->first.key.type, std::move(*name)};
    if (it->second.wanted.key == wanted) continue;
    it->second.wanted.key = std::move(wanted);
    touched_.insert(it->first);
  }
}

Waiting Mirror::WhatIsMissing(const MirrorKey& key, const Mirrored& mirrored,
                              const std::optional<Srv>& srv, const std::optional<Txt>& txt) const {
  if (mirrored.wanted.key.name.empty()) return Waiting::kName;
  if (!srv || !txt) return Waiting::kResolving;
  if (mirrored.addresses.empty()) return Waiting::kNoAddress;
  if (WireSize(*txt) > options_.limits.txt_bytes_max) return Waiting::kLongTxt;
  return zones_[key.to]->seen.up() ? Waiting::kNot : Waiting::kTarget;
}

void Mirror::Describe(const MirrorKey& key, Mirrored& mirrored) {
  const ZoneServices& seen = zones_[key.from]->seen;
  const SeenService& service = seen.services().at(key.key);
  const std::optional<Srv> srv = seen.SrvOf(service);
  const std::optional<Txt> txt = seen.TxtOf(service);
  bool changed = false;
  const auto set = [&changed](auto& field, auto value) {
    changed = changed || field != value;
    field = std::move(value);
  };
  std::vector<IpAddress> addresses;
  if (srv) {
    for (const IpAddress& address : seen.AddressesOf(srv->host)) {
      if (addresses.size() == options_.limits.records_max) break;
      if (Crosses(policy_.rules()[mirrored.rule], address)) addresses.push_back(address);
    }
    mirrored.home_host = srv->host;
    set(mirrored.wanted.port, srv->port);
  }
  if (txt) set(mirrored.wanted.txt, *txt);
  set(mirrored.wanted.subtypes, service.SubtypeNames());
  set(mirrored.addresses, std::move(addresses));
  Waiting waiting = WhatIsMissing(key, mirrored, srv, txt);
  // Until it is decided anew whose turn it is.
  if (waiting == Waiting::kNot && mirrored.IsReady()) waiting = mirrored.waiting;
  if (changed || waiting != mirrored.waiting) touched_.insert(key);
  mirrored.waiting = waiting;
}

// Hosts like services, but for the zone's own: their names are learnt by colliding.
void Mirror::AssignHosts(size_t to) {
  Zone& zone = *zones_[to];
  const auto begin = mirrored_.lower_bound(MirrorKey{to, 0, {}});
  const auto end = mirrored_.lower_bound(MirrorKey{to + 1, 0, {}});
  std::map<HostKey, std::string> names;
  for (auto it = begin; it != end; ++it) {
    if (it->second.IsReady()) names[{it->first.from, it->second.home_host}];
  }
  std::erase_if(zone.hosts, [&](const auto& entry) { return !names.contains(entry.first); });
  std::set<std::string> taken;
  for (const int first : {0, 1}) {
    for (auto& [key, name] : names) {
      HostAlias& alias = zone.hosts[key];
      for (int attempt = first; name.empty() && attempt < kAttemptsMax; ++attempt) {
        std::string candidate = AlternateHost(key.host, zones_[key.from]->name, attempt);
        const std::string folded = Fold(candidate);
        if (!alias.collided.contains(folded) && taken.insert(folded).second) {
          name = std::move(candidate);
        }
        if (first == 0) break;
      }
      alias.published = name;
    }
  }
  for (auto it = begin; it != end; ++it) {
    Mirrored& mirrored = it->second;
    if (!mirrored.IsReady()) continue;
    const std::string& host = names[{it->first.from, mirrored.home_host}];
    if (host.empty()) mirrored.waiting = Waiting::kName;
    if (host != mirrored.wanted.host) touched_.insert(it->first);
    mirrored.wanted.host = host;
  }
}

}  // namespace headwater::zone
