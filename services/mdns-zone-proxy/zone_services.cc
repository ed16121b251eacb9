#include "services/mdns-zone-proxy/zone_services.h"

#include <algorithm>

namespace headwater::zone {

std::string_view ToString(Dropped reason) {
  constexpr std::array<std::string_view, kDroppedCount> kNames = {"malformed", "types", "services",
                                                                  "records", "subtypes"};
  return kNames[static_cast<size_t>(reason)];
}

std::set<std::string> SeenService::SubtypeNames() const {
  std::set<std::string> names;
  for (const auto& [name, where] : subtypes) names.insert(name);
  return names;
}

void ZoneServices::OnUp(MonoTime now) {
  up_since_ = now;
  usable_ = now + timing_.settle;
}

void ZoneServices::OnDown(MonoTime now) {
  if (!up()) return;
  up_since_.reset();
  down_since_ = now;
  types_.clear();
  own_types_.clear();
  cut_off_.clear();
  // What we published there went with the connection.
  std::erase_if(services_, [](const auto& entry) { return entry.second.own; });
  own_services_ = 0;
  for (auto& [key, service] : services_) {
    service.places.clear();
    for (auto& [name, where] : service.subtypes) where.clear();
    if (!service.stale_since) service.stale_since = now;
    service.srv.MarkStale();
    service.txt.MarkStale();
    touched_.insert(key);
  }
  for (auto& [name, host] : hosts_) {
    host.ipv4.MarkStale();
    host.ipv6.MarkStale();
  }
  stale_records_ = true;
}

void ZoneServices::OnType(std::string_view raw, const Place& place, bool added, bool own) {
  const std::string type = Fold(raw);
  if (!IsServiceType(type)) return Drop(Dropped::kMalformed);
  if (!added) {
    const auto found = types_.find(type);
    if (found == types_.end()) return;
    found->second.erase(place);
    if (!found->second.empty()) return;
    types_.erase(found);
    own_types_.erase(type);
    return;
  }
  if (!own && !types_.contains(type) && types_.size() - own_types_.size() >= limits_.types_max) {
    cut_off_.insert({Lookup::Kind::kTypes, "", ""});
    return Drop(Dropped::kTypes);
  }
  if (own) own_types_.insert(type);
  types_[type].insert(place);
}

SeenService* ZoneServices::FindOrAdd(const ServiceKey& key, const Lookup& browse, bool own,
                                     MonoTime now) {
  const auto found = services_.find(key);
  if (found != services_.end()) return &found->second;
  if (!own && services_.size() - own_services_ >= limits_.services_max) {
    cut_off_.insert(browse);
    Drop(Dropped::kServices);
    return nullptr;
  }
  SeenService& service = services_[key];
  service.first_seen = now;
  service.ready = std::max(now, usable_);
  return &service;
}

void ZoneServices::OnItem(const Lookup& browse, const Item& item, bool added, MonoTime now) {
  const ServiceKey key = {Fold(item.type), std::string(item.name)};
  const std::optional<Subtype> subtype = ParseSubtype(browse.type);
  const std::string& type = subtype ? subtype->type : browse.type;
  if (key.type != type || !IsInstanceName(key.name)) return Drop(Dropped::kMalformed);
  if (!added) {
    const auto found = services_.find(key);
    if (found == services_.end()) return;
    SeenService& service = found->second;
    touched_.insert(key);
    if (!subtype) {
      service.places.erase(item.place);
    } else if (const auto where = service.subtypes.find(browse.type);
               where != service.subtypes.end()) {
      where->second.erase(item.place);
      if (where->second.empty()) service.subtypes.erase(where);
      service.decisions.clear();
    }
    // A subtype that is still there would not be told again when its type is.
    const bool gone = service.places.empty() && service.subtypes.empty();
    if (!gone || service.stale_since) return;
    if (service.own) --own_services_;
    services_.erase(found);
    return;
  }
  // A subtype may be heard before the type.
  SeenService* service = FindOrAdd(key, browse, item.own, now);
  if (service == nullptr) return;
  touched_.insert(key);
  service->stale_since.reset();
  if (!subtype) {
    if (service->own) --own_services_;
    if (item.own) ++own_services_;
    service->own = item.own;
    if (service->places.size() < limits_.records_max) service->places.insert(item.place);
    return;
  }
  if (!service->subtypes.contains(browse.type) &&
      service->subtypes.size() >= limits_.subtypes_max) {
    return Drop(Dropped::kSubtypes);
  }
  service->subtypes[browse.type].insert(item.place);
  service->decisions.clear();
}

void ZoneServices::OnRecord(const Lookup& lookup, const Place& place, Bytes rdata, bool added) {
  RecordSet* records = nullptr;
  if (lookup.kind == Lookup::Kind::kIpv4 || lookup.kind == Lookup::Kind::kIpv6) {
    if (rdata.size() != (lookup.kind == Lookup::Kind::kIpv4 ? 4u : 16u)) {
      return Drop(Dropped::kMalformed);
    }
    SeenHost& host = hosts_[lookup.name];
    records = lookup.kind == Lookup::Kind::kIpv4 ? &host.ipv4 : &host.ipv6;
    touched_hosts_.insert(lookup.name);
  } else {
    const ServiceKey key = {lookup.type, lookup.name};
    const auto found = services_.find(key);
    if (found == services_.end()) return;
    records = lookup.kind == Lookup::Kind::kSrv ? &found->second.srv : &found->second.txt;
    touched_.insert(key);
  }
  if (!added) return records->Remove(place, rdata);
  const bool good = lookup.kind == Lookup::Kind::kSrv   ? ParseSrv(rdata).has_value()
                    : lookup.kind == Lookup::Kind::kTxt ? ParseTxt(rdata).has_value()
                                                        : true;
  if (!good) return Drop(Dropped::kMalformed);
  if (!records->Add(place, rdata, limits_.records_max)) Drop(Dropped::kRecords);
}

void ZoneServices::Forget(const Lookup& lookup) {
  const auto service = services_.find({lookup.type, lookup.name});
  const auto host = hosts_.find(lookup.name);
  switch (lookup.kind) {
    case Lookup::Kind::kTypes:
    case Lookup::Kind::kBrowse:
      return;
    case Lookup::Kind::kSrv:
      if (service != services_.end()) service->second.srv.Clear();
      return;
    case Lookup::Kind::kTxt:
      if (service != services_.end()) service->second.txt.Clear();
      return;
    case Lookup::Kind::kIpv4:
      if (host != hosts_.end()) host->second.ipv4.Clear();
      break;
    case Lookup::Kind::kIpv6:
      if (host != hosts_.end()) host->second.ipv6.Clear();
      break;
  }
  if (host != hosts_.end() && host->second.ipv4.empty() && host->second.ipv6.empty()) {
    hosts_.erase(host);
  }
}

MonoTime ZoneServices::StaleUntil(MonoTime stale_since) const {
  const MonoTime zone =
      up() ? *up_since_ + timing_.seen_again : down_since_ + timing_.zone_patience;
  return std::min(zone, stale_since + timing_.stale_max);
}

void ZoneServices::Sweep(MonoTime now) {
  std::erase_if(services_, [&](const auto& entry) {
    const auto& stale = entry.second.stale_since;
    const bool over = stale && now >= StaleUntil(*stale);
    if (over) touched_.insert(entry.first);
    return over;
  });
  if (!stale_records_ || now < StaleUntil(down_since_)) return;
  stale_records_ = false;
  for (auto& [key, service] : services_) {
    const bool srv = service.srv.DropStale();
    const bool txt = service.txt.DropStale();
    if (srv || txt) touched_.insert(key);
    if (std::erase_if(service.subtypes, [](const auto& one) { return one.second.empty(); }) > 0) {
      service.decisions.clear();
      touched_.insert(key);
    }
  }
  for (auto& [name, host] : hosts_) {
    const bool ipv4 = host.ipv4.DropStale();
    const bool ipv6 = host.ipv6.DropStale();
    if (ipv4 || ipv6) touched_hosts_.insert(name);
  }
}

MonoTime ZoneServices::NextSweep() const {
  MonoTime next = stale_records_ ? StaleUntil(down_since_) : kNever;
  for (const auto& [key, service] : services_) {
    if (service.stale_since) next = std::min(next, StaleUntil(*service.stale_since));
  }
  return next;
}

std::set<std::string> ZoneServices::Types() const {
  std::set<std::string> types;
  for (const auto& [type, where] : types_) types.insert(type);
  for (const auto& [key, service] : services_) {
    if (types.size() >= 2 * limits_.types_max) break;
    types.insert(key.type);
  }
  return types;
}

std::vector<Lookup> ZoneServices::TakeCutOff() {
  std::vector<Lookup> again;
  for (auto it = cut_off_.begin(); it != cut_off_.end();) {
    const bool types = it->kind == Lookup::Kind::kTypes;
    const size_t held =
        types ? types_.size() - own_types_.size() : services_.size() - own_services_;
    const size_t room = types ? limits_.types_max : limits_.services_max;
    if (held < room - room / 4) {
      again.push_back(*it);
      it = cut_off_.erase(it);
    } else {
      ++it;
    }
  }
  return again;
}

std::optional<Srv> ZoneServices::SrvOf(const SeenService& service) const {
  const std::string* rdata = service.srv.Newest();
  return rdata == nullptr ? std::nullopt : ParseSrv(AsBytes(*rdata));
}

std::optional<Txt> ZoneServices::TxtOf(const SeenService& service) const {
  const std::string* rdata = service.txt.Newest();
  return rdata == nullptr ? std::nullopt : ParseTxt(AsBytes(*rdata));
}

std::vector<IpAddress> ZoneServices::AddressesOf(const std::string& host) const {
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return {};
  std::vector<IpAddress> addresses = found->second.ipv4.Addresses();
  for (const IpAddress& address : found->second.ipv6.Addresses()) addresses.push_back(address);
  return addresses;
}

std::set<ServiceKey> ZoneServices::TakeTouched() {
  if (!touched_hosts_.empty()) {
    for (const auto& [key, service] : services_) {
      const std::optional<Srv> srv = SrvOf(service);
      if (srv && touched_hosts_.contains(srv->host)) touched_.insert(key);
    }
    touched_hosts_.clear();
  }
  return std::exchange(touched_, {});
}

}  // namespace headwater::zone
