#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/mdns-zone-proxy/options.h"
#include "services/mdns-zone-proxy/policy.h"
#include "services/mdns-zone-proxy/record.h"
#include "services/mdns-zone-proxy/service_name.h"

namespace headwater::zone {

// A question that a zone's Avahi keeps asking.
struct Lookup {
  enum class Kind : uint8_t {
    kTypes,   // which types there are (RFC 6763 section 9)
    kBrowse,  // instances of `type`, which may be a subtype in full
    kSrv,     // of the instance `name` of `type`
    kTxt,
    kIpv4,  // of the host `name`
    kIpv6,
  };
  Kind kind = Kind::kTypes;
  std::string type;
  std::string name;
  bool operator==(const Lookup&) const = default;
  // What belongs to one service stands together: lookups are begun in this order.
  auto operator<=>(const Lookup& other) const {
    return std::tie(type, name, kind) <=> std::tie(other.type, other.name, other.kind);
  }
};

// An instance as heard in one zone.
struct SeenService {
  std::set<Place> places;
  // Published by this proxy.
  bool own = false;
  // By subtype in full.
  std::map<std::string, std::set<Place>> subtypes;
  MonoTime first_seen{};
  // May cross from then on.
  MonoTime ready{};
  // Not heard since its zone's Avahi went away.
  std::optional<MonoTime> stale_since;
  RecordSet srv;
  RecordSet txt;
  // What the policy says towards each zone; empty: not asked yet. Kept by the mirror.
  std::vector<Decision> decisions;

  // By its type, not by a subtype alone.
  bool IsThere() const { return !places.empty() || stale_since.has_value(); }
  std::set<std::string> SubtypeNames() const;
};

struct SeenHost {
  RecordSet ipv4;
  RecordSet ipv6;
};

// Why something that a zone told was not kept.
enum class Dropped : uint8_t { kMalformed, kTypes, kServices, kRecords, kSubtypes };
inline constexpr size_t kDroppedCount = 5;
std::string_view ToString(Dropped reason);

// What one zone's Avahi announces now, bounded by Limits. Outages are bridged: what was there
// stays, stale, until it is heard again or its time is over. Pure; not thread-safe.
class ZoneServices {
 public:
  // Both outlive this.
  ZoneServices(const Limits& limits, const Timing& timing) : limits_(limits), timing_(timing) {}

  // The zone's Avahi answers, or does no more.
  void OnUp(MonoTime now);
  void OnDown(MonoTime now);
  // Signals of lookups. Names and types are anything. What is this proxy's own counts against no
  // limit of this zone: it is bounded where it comes from, and must not crowd out what is here.
  void OnType(std::string_view type, const Place& place, bool added, bool own);
  struct Item {
    std::string_view name;
    std::string_view type;
    Place place;
    bool own = false;
  };
  void OnItem(const Lookup& browse, const Item& item, bool added, MonoTime now);
  void OnRecord(const Lookup& lookup, const Place& place, Bytes rdata, bool added);
  // A lookup is over: what it told is forgotten.
  void Forget(const Lookup& lookup);

  // Drops what has been stale for too long.
  void Sweep(MonoTime now);
  // When there may be something to drop; kNever: nothing is stale.
  MonoTime NextSweep() const;

  bool up() const { return up_since_.has_value(); }
  // Whether publications may go in: up, and what was published before this has left the caches.
  bool IsUsable(MonoTime now) const { return up() && now >= usable_; }
  MonoTime usable() const { return up() ? usable_ : kNever; }
  const std::map<ServiceKey, SeenService>& services() const { return services_; }
  std::map<ServiceKey, SeenService>& services() { return services_; }
  // Types to browse: announced, or of a service that is there.
  std::set<std::string> Types() const;
  // Lookups whose answers were cut off by a limit, and there is room again: to be asked once more.
  std::vector<Lookup> TakeCutOff();
  // Nothing: not known (yet).
  std::optional<Srv> SrvOf(const SeenService& service) const;
  std::optional<Txt> TxtOf(const SeenService& service) const;
  std::vector<IpAddress> AddressesOf(const std::string& host) const;

  uint64_t dropped(Dropped reason) const { return dropped_[static_cast<size_t>(reason)]; }
  // Services that have changed since last asked.
  std::set<ServiceKey> TakeTouched();

 private:
  void Drop(Dropped reason) { ++dropped_[static_cast<size_t>(reason)]; }
  SeenService* FindOrAdd(const ServiceKey& key, const Lookup& browse, bool own, MonoTime now);
  MonoTime StaleUntil(MonoTime stale_since) const;

  const Limits& limits_;
  const Timing& timing_;
  std::optional<MonoTime> up_since_;
  MonoTime down_since_{};
  MonoTime usable_{};
  std::map<std::string, std::set<Place>> types_;
  // Of these, announced because something of the kind is published here.
  std::set<std::string> own_types_;
  std::map<ServiceKey, SeenService> services_;
  // Of these, our own.
  size_t own_services_ = 0;
  std::map<std::string, SeenHost> hosts_;
  std::set<Lookup> cut_off_;
  // Records are dropped with the first sweep after they were heard again.
  bool stale_records_ = false;
  std::array<uint64_t, kDroppedCount> dropped_{};
  std::set<ServiceKey> touched_;
  std::set<std::string> touched_hosts_;
};

}  // namespace headwater::zone
