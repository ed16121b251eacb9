#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/common/base/check.h"
#include "services/mdns-zone-proxy/mirror.h"

namespace headwater::zone {

// A service of a device in a zone, for tests.
struct Native {
  std::string host;
  uint16_t port = 631;
  Txt txt;
  std::set<std::string> subtypes;
};

// Zones whose Avahis do what a mirror asks, in virtual time: lookups are answered at once and
// followed, publications are established after 800 ms, or collide with what is there.
class FakeZones {
 public:
  FakeZones(Mirror& mirror, size_t zones) : mirror_(mirror), zones_(zones) {}

  MonoTime now() const { return now_; }
  void Up(size_t zone) {
    zones_[zone].up = true;
    mirror_.OnZoneUp(zone, now_);
  }
  // The Avahi dies: nobody says goodbye.
  void Down(size_t zone) {
    zones_[zone].up = false;
    zones_[zone].lookups.clear();
    zones_[zone].published.clear();
    mirror_.OnZoneDown(zone, now_);
  }
  void Announce(size_t zone, const ServiceKey& key, const Native& native) {
    Tell(zone, key, false);
    zones_[zone].natives[key] = native;
    Tell(zone, key, true);
    // Whoever announces a name that we have wins it: RFC 6762 section 9 has the prober lose, and
    // this one does not probe.
    for (const auto& [id, one] : zones_[zone].published) {
      if (one.established && one.service.key == key) {
        After(0ms, [this, zone, id = id] { mirror_.OnCollided(zone, id, now_); });
      }
    }
  }
  void Goodbye(size_t zone, const ServiceKey& key) {
    Tell(zone, key, false);
    zones_[zone].natives.erase(key);
  }
  void SetAddresses(size_t zone, const std::string& host, const std::vector<std::string>& texts) {
    TellHost(zone, host, false);
    std::vector<IpAddress>& addresses = zones_[zone].hosts[host];
    addresses.clear();
    for (const std::string& text : texts) addresses.push_back(*IpAddress::Parse(text));
    TellHost(zone, host, true);
  }
  void Advance(Duration duration) {
    const MonoTime end = now_ + duration;
    while (true) {
      const MonoTime next =
          std::min(mirror_.NextDeadline(), outcomes_.empty() ? kNever : outcomes_.begin()->first);
      if (next > end) break;
      now_ = std::max(now_, next);
      while (!outcomes_.empty() && outcomes_.begin()->first <= now_) {
        const auto outcome = std::move(outcomes_.begin()->second);
        outcomes_.erase(outcomes_.begin());
        outcome();
      }
      if (mirror_.NextDeadline() <= now_) Act();
    }
    now_ = end;
  }

  struct Published {
    MirroredService service;  // without a key: an address
    std::string host;
    IpAddress address;
    bool established = false;
  };
  const std::map<uint64_t, Published>& published(size_t zone) { return zones_[zone].published; }
  const std::map<ServiceKey, Native>& natives(size_t zone) { return zones_[zone].natives; }
  // What a listener in the zone holds of ours: announced, and no goodbye since.
  const std::map<ServiceKey, Txt>& heard(size_t zone) { return zones_[zone].heard; }
  // Names in a zone that the mirror has put there, with their hosts: "Office@printer.local".
  std::set<std::string> Names(size_t zone) {
    std::set<std::string> names;
    for (const auto& [id, one] : zones_[zone].published) {
      if (one.established && !one.service.key.type.empty()) {
        names.insert(one.service.key.name + "@" + one.service.host);
      }
    }
    return names;
  }
  std::set<std::string> Addresses(size_t zone) {
    std::set<std::string> addresses;
    for (const auto& [id, one] : zones_[zone].published) {
      if (one.established && one.service.key.type.empty()) {
        addresses.insert(one.host + "=" + one.address.ToString());
      }
    }
    return addresses;
  }
  // Every action, before it is done.
  std::function<void(const Action&)> on_action = [](const Action&) {};
  // Lookups that fail at once, so many.
  int failing_lookups = 0;
  // Publications that fail at once, so many.
  int failing_publications = 0;
  Duration probing = 800ms;
  // Publications are not answered.
  bool silent = false;

 private:
  struct State {
    bool up = false;
    std::set<Lookup> lookups;
    std::map<uint64_t, Published> published;
    std::map<ServiceKey, Txt> heard;
    std::map<ServiceKey, Native> natives;
    std::map<std::string, std::vector<IpAddress>> hosts;
  };
  static constexpr Place kPlace = {2, 1};

  static std::string SrvRdata(const Native& native) {
    std::string rdata(4, '\0');
    rdata += static_cast<char>(native.port >> 8);
    rdata += static_cast<char>(native.port & 0xff);
    for (size_t i = 0; i < native.host.size();) {
      const size_t end = std::min(native.host.find('.', i), native.host.size());
      rdata += static_cast<char>(end - i);
      rdata += native.host.substr(i, end - i);
      i = end + 1;
    }
    return rdata + std::string(1, '\0');
  }
  static std::string TxtRdata(const Native& native) {
    std::string rdata;
    for (const std::string& one : native.txt) rdata += static_cast<char>(one.size()) + one;
    return rdata;
  }

  void Act() {
    Actions actions;
    mirror_.Act(now_, actions);
    for (const Action& action : actions) {
      on_action(action);
      std::visit([this](const auto& one) { Do(one); }, action);
    }
  }
  void Do(const StartLookup& start) {
    if (failing_lookups > 0) {
      --failing_lookups;
      After(0ms, [this, start] { mirror_.OnLookupFailed(start.zone, start.lookup, now_); });
      return;
    }
    HW_CHECK(zones_[start.zone].lookups.insert(start.lookup).second);
    for (const auto& [key, native] : zones_[start.zone].natives) {
      TellLookup(start.zone, start.lookup, key, native, true);
    }
    for (const auto& [host, addresses] : zones_[start.zone].hosts) {
      TellAddresses(start.zone, start.lookup, host, true);
    }
  }
  void Do(const StopLookup& stop) { HW_CHECK(zones_[stop.zone].lookups.erase(stop.lookup) == 1); }
  void Do(const UpdateTxt& update) {
    zones_[update.zone].published.at(update.id).service.txt = update.txt;
  }
  void Do(const Withdraw& withdraw) {
    const auto found = zones_[withdraw.zone].published.find(withdraw.id);
    if (found == zones_[withdraw.zone].published.end()) return;
    const Published gone = found->second;
    zones_[withdraw.zone].published.erase(found);
    if (gone.established) zones_[withdraw.zone].heard.erase(gone.service.key);
    if (gone.established) TellOwn(withdraw.zone, gone.service.key, false);
  }
  void Do(const PublishService& publish) {
    const ServiceKey key = publish.service.key;
    State& zone = zones_[publish.zone];
    bool taken = zone.natives.contains(key);
    for (const auto& [id, one] : zone.published) taken = taken || one.service.key == key;
    zone.published[publish.id] = {.service = publish.service};
    Finish(publish.zone, publish.id, taken);
  }
  void Do(const PublishAddress& publish) {
    State& zone = zones_[publish.zone];
    zone.published[publish.id] = {.host = publish.host, .address = publish.address};
    Finish(publish.zone, publish.id, zone.hosts.contains(publish.host));
  }
  void Finish(size_t zone, uint64_t id, bool taken) {
    if (failing_publications > 0) {
      --failing_publications;
      zones_[zone].published.erase(id);
      After(0ms, [this, zone, id] { mirror_.OnPublishFailed(zone, id, now_); });
      return;
    }
    if (silent) return;
    After(probing, [this, zone, id, taken] {
      const auto found = zones_[zone].published.find(id);
      if (found == zones_[zone].published.end()) return;
      if (taken || zones_[zone].natives.contains(found->second.service.key)) {
        return mirror_.OnCollided(zone, id, now_);
      }
      found->second.established = true;
      if (!found->second.service.key.type.empty()) {
        zones_[zone].heard[found->second.service.key] = found->second.service.txt;
      }
      mirror_.OnPublished(zone, id, now_);
      TellOwn(zone, found->second.service.key, true);
    });
  }
  void TellOwn(size_t zone, const ServiceKey& key, bool added) {
    const Lookup browse = {Lookup::Kind::kBrowse, key.type, ""};
    if (!zones_[zone].lookups.contains(browse)) return;
    mirror_.OnItem(zone, browse, {key.name, key.type, kPlace, added}, added, now_);
    // Who else has the name hears the goodbye and says so (RFC 6762 section 10.1).
    const bool rescued = !added && zones_[zone].natives.contains(key);
    if (rescued) mirror_.OnItem(zone, browse, {key.name, key.type, kPlace, false}, true, now_);
  }
  void After(Duration duration, std::function<void()> outcome) {
    outcomes_.emplace(now_ + duration, std::move(outcome));
  }
  void Tell(size_t zone, const ServiceKey& key, bool added) {
    const auto native = zones_[zone].natives.find(key);
    if (native == zones_[zone].natives.end()) return;
    const std::set<Lookup> lookups = zones_[zone].lookups;
    for (const Lookup& lookup : lookups) TellLookup(zone, lookup, key, native->second, added);
  }
  void TellHost(size_t zone, const std::string& host, bool added) {
    const std::set<Lookup> lookups = zones_[zone].lookups;
    for (const Lookup& lookup : lookups) TellAddresses(zone, lookup, host, added);
  }
  void TellAddresses(size_t zone, const Lookup& lookup, const std::string& host, bool added) {
    if (lookup.name != host) return;
    for (const IpAddress& address : zones_[zone].hosts[host]) {
      if ((lookup.kind == Lookup::Kind::kIpv4 && address.is_v4()) ||
          (lookup.kind == Lookup::Kind::kIpv6 && address.is_v6())) {
        mirror_.OnRecord(zone, lookup, kPlace, address.bytes(), added, now_);
      }
    }
  }
  void TellLookup(size_t zone, const Lookup& lookup, const ServiceKey& key, const Native& native,
                  bool added) {
    if (!zones_[zone].up) return;
    const bool same = lookup.type == key.type && lookup.name == key.name;
    if (lookup.kind == Lookup::Kind::kTypes && added) {
      mirror_.OnType(zone, key.type, kPlace, true, now_);
    } else if (lookup.kind == Lookup::Kind::kBrowse) {
      if (lookup.type == key.type || native.subtypes.contains(lookup.type)) {
        mirror_.OnItem(zone, lookup, {key.name, key.type, kPlace, false}, added, now_);
      }
    } else if (lookup.kind == Lookup::Kind::kSrv && same) {
      mirror_.OnRecord(zone, lookup, kPlace, AsBytes(SrvRdata(native)), added, now_);
    } else if (lookup.kind == Lookup::Kind::kTxt && same) {
      mirror_.OnRecord(zone, lookup, kPlace, AsBytes(TxtRdata(native)), added, now_);
    }
  }

  Mirror& mirror_;
  std::vector<State> zones_;
  std::multimap<MonoTime, std::function<void()>> outcomes_;
  MonoTime now_{};
};

}  // namespace headwater::zone
