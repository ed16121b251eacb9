#pragma once

#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/membership-watcher/membership_table.h"
#include "services/membership-watcher/options.h"
#include "services/membership-watcher/querier.h"
#include "services/membership-watcher/router_discovery.h"
#include "services/membership-watcher/wire/mdb.h"
#include "services/membership-watcher/wire/membership_message.h"

namespace headwater::membership {

// How complete what is known of a link is.
enum class LinkSync : uint8_t {
  kDown,     // nothing is known; absent means nothing
  kWarming,  // hosts have not had the time to answer the first query
  kSynced,   // absent means absent
};

// A link's interface as the core needs it.
struct LinkInterface {
  bool up = false;
  std::optional<IpAddress> ipv4;
  std::optional<IpAddress> link_local;
  // 0: unknown. Long lists of sources are split over several queries by it.
  uint32_t mtu = 0;

  bool operator==(const LinkInterface&) const = default;
};

// A query or advertisement: a whole ICMPv6 or IGMP message for the link, to be sent with hop limit
// 1 and Router Alert.
struct SendQuery {
  IpAddress from;
  IpAddress to;
  std::vector<uint8_t> message;
  bool general = false;
};
// Sync, querier or addresses have changed.
struct LinkChanged {};
// What the RFCs want a router to warn about.
enum class QueryFault : uint8_t {
  kOlder,   // a general query of a version older than ours (RFC 9777 section 8.3.1)
  kNewer,   // one of a newer version than we were told to speak
  kSource,  // from an address that no querier can have (RFC 9777 section 5.1.14)
};
inline constexpr int kQueryFaultCount = static_cast<int>(QueryFault::kSource) + 1;

constexpr std::string_view Text(QueryFault fault) {
  constexpr std::string_view kTexts[kQueryFaultCount] = {
      "a querier of an older version: hosts fall back to it",
      "a querier of a newer version than configured here",
      "a query from an impossible address",
  };
  return kTexts[static_cast<size_t>(fault)];
}

// At most one a minute of each kind.
struct QueryWarning {
  QueryFault fault = QueryFault::kOlder;
  IpAddress from;
};
using Action = std::variant<LinkChanged, GroupChanged, GroupRemoved, SendQuery, QueryWarning>;
using Actions = std::vector<Action>;

// What may be wrong with a link, while it is. The names are metric labels.
enum class Alarm : uint8_t {
  kForeignQuerier,  // another router asks: behind a snooping switch it hears the reports, we may
                    // not
  kOlderQuerier,    // somebody asks in an older version, and hosts fall back to it
  kNoQuerier,       // nobody asks, and we were told not to: a snooping switch forgets who listens
  kNoReports,       // no report for a membership interval: they may not reach us
  kHopLimit,        // reports that came through a router, within a membership interval
  kLimit,           // groups, members, sources or records refused, within a membership interval
};
inline constexpr int kAlarmCount = static_cast<int>(Alarm::kLimit) + 1;

constexpr std::string_view Name(Alarm alarm) {
  constexpr std::string_view kNames[kAlarmCount] = {
      "foreign_querier", "older_querier", "no_querier", "no_reports", "hop_limit", "limit"};
  return kNames[static_cast<size_t>(alarm)];
}

// The rates at which links are heard and spoken to.
struct LinkStats {
  std::array<uint64_t, kVersionCount> reports = {};
  std::array<uint64_t, kVersionCount> queries_heard = {};
  std::array<uint64_t, kDropReasonCount> dropped = {};
  uint64_t general_queries_sent = 0;
  uint64_t specific_queries_sent = 0;
  uint64_t advertisements_sent = 0;
};

// All that is known of who listens on one link, and the querier's part in finding out; both
// families. Bytes, link changes and time go in, actions come out. Pure and not thread-safe.
class LinkMembership {
 public:
  explicit LinkMembership(const Options& options, uint64_t seed = 1);

  // For what happens from now on; nothing that is known is lost.
  void SetOptions(const Options& options, MonoTime now);
  void OnInterface(const LinkInterface& interface, MonoTime now, Actions& out);
  // A packet from the link, from its IP header on, and the kernel's receive time.
  void OnPacket(Bytes packet, MonoTime now, absl::Time received, Actions& out);
  // Where Options::observe is kMdb, in place of packets: what every port of the bridge wants...
  void OnMdb(const std::vector<PortReport>& all, MonoTime now, absl::Time received, Actions& out);
  // ... and what one does since.
  void OnMdbChange(const PortReport& change, MonoTime now, absl::Time received, Actions& out);
  // A general query of this family could not be sent.
  void OnSendFailed(IpAddress::Family family, MonoTime now, Actions& out);
  // The service ends: we are a router here no longer.
  void OnEnd(Actions& out);
  // All work due at or before `now`.
  void OnTime(MonoTime now, Actions& out);
  // kNever: nothing to wait for.
  MonoTime NextDeadline() const;

  bool observes_mdb() const { return options_.observe == Observe::kMdb; }
  LinkSync sync() const { return sync_; }
  const Querier& querier(IpAddress::Family family) const;
  bool Raises(Alarm alarm, MonoTime now) const;
  const MembershipTable& table() const { return table_; }
  const LinkStats& stats() const { return stats_; }

 private:
  // What LinkChanged is about.
  struct Shown {
    LinkInterface interface;
    LinkSync sync = LinkSync::kDown;
    std::optional<IpAddress> querier_ipv4;
    std::optional<IpAddress> querier_ipv6;
    bool operator==(const Shown&) const = default;
  };

  void OnQuery(const Message& message, const Query& query, MonoTime now, Actions& out);
  void RunDiscovery(RouterDiscovery& discovery, const Querier& querier, MonoTime now, Actions& out);
  void SendToSnoopers(const Querier& querier, std::vector<uint8_t> message, Actions& out);
  void Warn(QueryFault fault, const IpAddress& from, MonoTime now, Actions& out);
  void RunQuerier(Querier& querier, MonoTime now, Actions& out);
  void Perform(std::vector<TableEvent>& events, Actions& out);
  void Send(SpecificQuery& specific, Actions& out);
  void Send(const Query& query, Actions& out);
  void Settle(MonoTime now, Actions& out);
  LinkSync CurrentSync(MonoTime now) const;
  Timings timings() const { return {ipv4_.timing(), ipv6_.timing()}; }
  Querier& QuerierFor(const IpAddress& address) { return address.is_v4() ? ipv4_ : ipv6_; }

  Options options_;
  LinkInterface interface_;
  MonoTime ipv6_wait_until_ = kNever;
  // Of a bridge: whether it has told all that it knows, and until when its listeners may not have
  // answered it.
  bool mdb_read_ = false;
  bool been_up_ = false;
  MonoTime mdb_warm_until_ = kNever;
  Querier ipv4_;
  Querier ipv6_;
  RouterDiscovery discovery4_;
  RouterDiscovery discovery6_;
  MembershipTable table_;
  LinkSync sync_ = LinkSync::kDown;
  Shown shown_;
  // For alarms: when each was last so; kNever if it was not.
  MonoTime report_heard_ = kNever;  // or the link came up
  MonoTime older_querier_heard_ = kNever;
  MonoTime hop_limit_seen_ = kNever;
  MonoTime refused_at_ = kNever;
  std::array<MonoTime, kQueryFaultCount> warn_again_ = {};
  LinkStats stats_;
};

}  // namespace headwater::membership
