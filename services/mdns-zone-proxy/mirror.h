#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "services/mdns-zone-proxy/fair_share.h"
#include "services/mdns-zone-proxy/firewall.h"
#include "services/mdns-zone-proxy/zone_services.h"

namespace headwater::zone {

// As published: the name and the host's may differ from what they are at home.
struct MirroredService {
  ServiceKey key;
  std::string host;
  uint16_t port = 0;
  Txt txt;
  // In full.
  std::set<std::string> subtypes;
  bool operator==(const MirroredService&) const = default;
};

// What the shell is to do. `zone` is an index into Options::zones; ids are never used again.
struct StartLookup {
  size_t zone;
  Lookup lookup;
};
struct StopLookup {
  size_t zone;
  Lookup lookup;
};
struct PublishService {
  size_t zone;
  uint64_t id;
  MirroredService service;
};
struct UpdateTxt {
  size_t zone;
  uint64_t id;
  ServiceKey key;
  Txt txt;
};
struct PublishAddress {
  size_t zone;
  uint64_t id;
  std::string host;
  IpAddress address;
};
struct Withdraw {
  size_t zone;
  uint64_t id;
};
using Action =
    std::variant<StartLookup, StopLookup, PublishService, UpdateTxt, PublishAddress, Withdraw>;
using Actions = std::vector<Action>;

// A service or an address that is published, or is to be.
struct Publication {
  enum class State : uint8_t { kNone, kPublishing, kPublished, kFailed };
  State state = State::kNone;
  uint64_t id = 0;  // 0: not with the shell
  // The zone's Avahi has work with it until then, or until it says that it is done.
  MonoTime busy{};
  MonoTime retry = kNever;
  int failures = 0;
};

// An address of a host, in a zone that is not its own.
struct MirroredAddress {
  size_t from = 0;
  Publication publication;
};

// Why something that may cross does not yet; empty: it does.
enum class Waiting : uint8_t {
  kNot,
  kResolving,
  kNoAddress,
  kLongTxt,
  kTarget,
  kFull,  // its zone's share of the target is used up
  kName,
  kTurn,  // others of its zone are being published
};
inline constexpr size_t kWaitingCount = 8;
std::string_view ToString(Waiting waiting);

// What may cross from where to where.
struct MirrorKey {
  size_t to = 0;
  size_t from = 0;
  ServiceKey key;
  auto operator<=>(const MirrorKey&) const = default;
};

// One service in a zone that is not its own.
struct Mirrored {
  size_t rule = 0;
  Waiting waiting = Waiting::kResolving;
  Publication publication;
  std::string home_host;
  MirroredService wanted;
  // What the shell was told to publish.
  MirroredService running;
  std::vector<IpAddress> addresses;
  // Decided, and published first.
  MonoTime decided{};
  MonoTime since{};
  // Names that Avahi found to be somebody else's.
  std::set<std::string> collided;
  // Has one of the places in the target.
  bool placed = false;
  // The round in which it was last decided that it crosses.
  uint64_t round = 0;

  // Nothing is missing but its turn.
  bool IsReady() const {
    return waiting == Waiting::kNot || waiting == Waiting::kFull || waiting == Waiting::kTurn;
  }
};

struct ZoneCounters {
  uint64_t restarts = 0;
  uint64_t lookup_failures = 0;
  uint64_t published = 0;
  uint64_t withdrawn = 0;
  uint64_t publish_failures = 0;
  uint64_t collisions = 0;
};

struct RuleCounters {
  // Now: services that the rule decides, counted once for each target.
  uint64_t matched = 0;
  // Of these, published.
  uint64_t mirrored = 0;
  uint64_t published_total = 0;
};

// Mirrors services between zones as the policy says: state in, actions out. It compares what is to
// be with what is and acts on the difference, so the order of events does not matter. Own
// publications never cross again. A name that is taken is published under another, always the same
// one. Pure; not thread-safe; inputs are followed by Act at NextDeadline().
class Mirror {
 public:
  explicit Mirror(const Options& options);
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  // New rules for the same zones.
  void SetPolicy(std::vector<Rule> rules, MonoTime now);
  // Whether services that no rule lets cross are resolved as well: somebody watches.
  void SetResolveAll(bool all, MonoTime now);

  void OnZoneUp(size_t zone, MonoTime now);
  void OnZoneDown(size_t zone, MonoTime now);
  void OnType(size_t zone, std::string_view type, const Place& place, bool added, MonoTime now);
  void OnItem(size_t zone, const Lookup& browse, const ZoneServices::Item& item, bool added,
              MonoTime now);
  void OnRecord(size_t zone, const Lookup& lookup, const Place& place, Bytes rdata, bool added,
                MonoTime now);
  void OnLookupFailed(size_t zone, const Lookup& lookup, MonoTime now);
  // Outcomes of publications; of ids that are withdrawn they are ignored.
  void OnPublished(size_t zone, uint64_t id, MonoTime now);
  void OnCollided(size_t zone, uint64_t id, MonoTime now);
  void OnPublishFailed(size_t zone, uint64_t id, MonoTime now);

  void Act(MonoTime now, Actions& out);
  MonoTime NextDeadline() const { return deadline_; }

  const Policy& policy() const { return policy_; }
  size_t zones() const { return zones_.size(); }
  const ZoneServices& seen(size_t zone) const { return zones_[zone]->seen; }
  const ZoneCounters& counters(size_t zone) const { return zones_[zone]->counters; }
  size_t lookups(size_t zone) const { return zones_[zone]->lookups.size(); }
  const std::vector<RuleCounters>& rule_counters() const { return rules_; }
  const std::map<MirrorKey, Mirrored>& mirrored() const { return mirrored_; }
  const FirewallSets& firewall() const { return firewall_; }
  // Changed since last asked, or gone.
  std::set<MirrorKey> TakeTouchedMirrored() { return std::exchange(touched_, {}); }
  std::set<ServiceKey> TakeTouchedServices(size_t zone) { return zones_[zone]->seen.TakeTouched(); }
  // How long after the first sight of a service at home it was published elsewhere, since last
  // asked.
  std::vector<Duration> TakeDelays() { return std::exchange(delays_, {}); }

  // What `policy` says of a service that `from` has, about zone `to`.
  Decision Decide(const Policy& policy, size_t from, size_t to, const ServiceKey& key,
                  const SeenService& service, MonoTime now) const;
  // False: our own, or an echo of it.
  bool IsForeign(size_t zone, const ServiceKey& key, const SeenService& service) const;

 private:
  using NameKey = std::pair<std::string, std::string>;  // type and folded name
  struct HostKey {
    size_t from;
    std::string host;
    auto operator<=>(const HostKey&) const = default;
  };
  struct HostAlias {
    std::string published;
    std::set<std::string> collided;
  };
  struct RunningLookup {
    // To be begun, at `retry`.
    bool idle = true;
    int failures = 0;
    MonoTime retry{};
  };
  using AddressKey = std::pair<std::string, IpAddress>;
  // What an Avahi that died had published and nobody said goodbye for: listeners hold it for 75
  // minutes (RFC 6762 section 10). It is published once more, to be withdrawn.
  struct Ghost {
    MirroredService service;
    size_t from = 0;
    ServiceKey home;
    Publication publication;
    MonoTime until{};
    // Something of its name is published anew, or will be.
    bool alive = false;
  };
  struct Zone {
    Zone(const Options& options, const std::string& zone_name)
        : name(zone_name), seen(options.limits, options.timing) {}
    std::string name;
    ZoneServices seen;
    std::map<Lookup, RunningLookup> lookups;
    std::map<AddressKey, MirroredAddress> addresses;
    std::map<HostKey, HostAlias> hosts;
    std::map<NameKey, Ghost> ghosts;
    // Names published here, and for a while those that were: kNever while they are.
    std::map<NameKey, MonoTime> own_names;
    // Folded; some address of theirs is established.
    std::set<std::string> own_hosts;
    // Zones that a rule lets publish here.
    size_t sources = 0;
    // Publications that this Avahi is given at a time, and since when they are no more than that.
    size_t pace = kPaceMax;
    MonoTime slowed{};
    ZoneCounters counters;
  };
  // Probing takes an Avahi most of a second, and with hundreds of names at once a minute.
  static constexpr size_t kPaceMax = 128;
  // What its sources compete for: places, and the attention of its Avahi.
  struct Shares {
    FairShare places;
    FairShare pace;
  };
  void CountSources();
  void Dirty(MonoTime now);
  void DirtyAt(MonoTime when);
  MonoTime Backoff(int failures, MonoTime now) const;
  // The steps of Act, in their order (mirror_plan.cc).
  void DecideAll(MonoTime now, std::vector<std::set<Lookup>>& needs);
  void DecideService(size_t from, const ServiceKey& key, SeenService& service, MonoTime now,
                     std::set<Lookup>& needs);
  void Need(size_t zone, const ServiceKey& key, const SeenService& service,
            std::set<Lookup>& needs) const;
  void AddToFirewall(const Rule& rule, size_t from, const ServiceKey& key,
                     const SeenService& service);
  void AssignNames(size_t to);
  std::string FreeName(const MirrorKey& key, const Mirrored& mirrored,
                       const std::set<NameKey>& taken, int first) const;
  void Describe(const MirrorKey& key, Mirrored& mirrored);
  Waiting WhatIsMissing(const MirrorKey& key, const Mirrored& mirrored,
                        const std::optional<Srv>& srv, const std::optional<Txt>& txt) const;
  void AssignHosts(size_t to);
  // The steps that act (mirror.cc).
  void CompareLookups(size_t zone, const std::set<Lookup>& wanted, MonoTime now, Actions& out);
  std::map<Lookup, RunningLookup>::iterator EndLookup(size_t zone,
                                                      std::map<Lookup, RunningLookup>::iterator it,
                                                      Actions& out);
  void BeginLookup(size_t zone, const Lookup& lookup, RunningLookup& running, MonoTime now,
                   Actions& out);
  // Publishing (mirror_publish.cc).
  void WithdrawServices(size_t to, MonoTime now);
  Shares CountShares(size_t to, MonoTime now);
  void CompareAddresses(size_t to, MonoTime now, FairShare& pace, Actions& out);
  void PublishInTurns(size_t to, MonoTime now, Shares& shares, Actions& out);
  void TakeTurn(std::map<MirrorKey, Mirrored>::iterator it, MonoTime now, Shares& shares,
                Actions& out);
  void PublishAddressOf(size_t to, size_t from, const AddressKey& key, MonoTime now,
                        FairShare& pace, Actions& out);
  void SetWaiting(const MirrorKey& key, Mirrored& mirrored, Waiting waiting);
  void Begin(Publication& publication, MonoTime now);
  void AdjustPace(size_t zone, const Publication& publication, MonoTime now);
  void KeepGhosts(size_t to, MonoTime now);
  void LayGhost(size_t zone, Ghost& ghost, MonoTime now);
  void LayGhosts(size_t to, MonoTime now);
  void RaiseGhosts(size_t to, MonoTime now, FairShare& pace, Actions& out);
  void Remove(std::map<MirrorKey, Mirrored>::iterator it, MonoTime now);
  void Unpublish(size_t zone, Publication& publication);
  void ForgetName(size_t zone, const ServiceKey& key, MonoTime now);
  bool MayPublish(size_t zone, const Publication& publication, MonoTime now);
  void Count();
  Publication* Find(size_t zone, uint64_t id);
  std::map<MirrorKey, Mirrored>::iterator FindMirrored(size_t zone, uint64_t id);

  const Options options_;
  Policy policy_;
  std::vector<std::unique_ptr<Zone>> zones_;
  std::map<MirrorKey, Mirrored> mirrored_;
  std::vector<RuleCounters> rules_;
  FirewallSets firewall_;
  std::set<MirrorKey> touched_;
  std::vector<Duration> delays_;
  // Withdrawals of this round: they go before what is published in it.
  Actions withdrawals_;
  bool resolve_all_ = false;
  uint64_t next_id_ = 1;
  uint64_t round_ = 0;
  MonoTime deadline_ = kNever;
};

}  // namespace headwater::zone
