#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/membership-watcher/options.h"
#include "services/membership-watcher/timing.h"
#include "services/membership-watcher/wire/membership_message.h"

namespace headwater::membership {

enum class FilterMode : uint8_t { kInclude, kExclude };

// One host's interest in a group.
struct Member {
  IpAddress host;
  FilterMode mode = FilterMode::kInclude;
  Version version = Version::kMldV2;
  // It has said that it leaves; it stays listed while the group waits for the answer to a query.
  bool leaving = false;
  MonoTime expires;
  absl::Time joined;
  std::vector<IpAddress> sources;  // ascending
};

// A query that is due for a group.
struct SpecificQuery {
  IpAddress group;
  std::vector<IpAddress> sources;  // empty: group-specific
  bool suppress = false;
};

// What happened to a report's records at the limits, and who joined and left.
struct GroupCounts {
  uint64_t joins = 0;
  uint64_t leaves = 0;
  uint64_t members_refused = 0;
  uint64_t sources_refused = 0;
};

// A record and all that its handling needs to know.
struct RecordContext {
  IpAddress host;
  Version version = Version::kMldV2;
  MonoTime now;
  // Kernel receive time.
  absl::Time received;
  const Timing& timing;
  const TableOptions& limits;
  // How many more members and sources may be stored, over the whole table.
  size_t room = 0;
  GroupCounts& counts;
};

// One group on one link: the router state of RFC 9777 section 7.2 (filter mode, filter timer,
// source timers), compatibility with older hosts (section 8.3), specific queries still to be
// repeated (section 7.6.3), and beside it the explicit tracking of members (RFC 9776 appendix A.2).
// IGMPv3 is the same with other names. Pure and not thread-safe.
//
// Fast leave. With immediate_leave the group ends at once when the last tracked member leaves, for
// the listener interval's worth of waiting (two seconds by default) would be streamed to nobody.
// The tracking is trusted only where every host speaks for itself: no host of an older version
// (they suppress each other's reports), no member at 0.0.0.0 (several hosts may share it), no
// member refused at a limit, and not before the link's first query has been answered. Even then the
// last-listener queries go out, so that a listener whose reports were all lost answers within one
// of their intervals and the group is back before a session's linger has passed.
class GroupState {
 public:
  explicit GroupState(const IpAddress& group) : group_(group) {}

  // What is published.
  const IpAddress& group() const { return group_; }
  FilterMode mode() const { return mode_; }
  // INCLUDE: wanted; EXCLUDE: refused by all. Ascending.
  std::vector<IpAddress> sources() const;
  // EXCLUDE: of the sources that somebody refuses, those that somebody else still wants (the
  // Requested List of RFC 9777 section 7.2.1). Ascending.
  std::vector<IpAddress> requested() const;
  // Ascending by host.
  const std::vector<Member>& members() const { return members_; }
  uint64_t joins_total() const { return joins_total_; }
  absl::Time last_join() const { return last_join_; }
  // Somebody listens. False from an immediate leave until the queries that it began are done.
  bool present() const;

  // Whether the published state has changed since the last call.
  bool TakeChanged();

  // `record.sources` must be ascending and unique. Older versions' records must be translated
  // (membership_message.h).
  void OnRecord(const Record& record, const RecordContext& context);
  // All that a port of a bridge wants, until it is told otherwise; INCLUDE of nothing is none.
  // IS_IN or IS_EX, with ascending and unique sources. A group hears of ports or of hosts, not
  // both.
  void OnPort(const Record& record, const RecordContext& context);
  // A specific query of the link's querier without S flag: timers are lowered (section 7.6.1).
  void OnQuery(const Query& query, const Timing& timing, Duration last_member_time, MonoTime now);
  // All timers due at or before `now`; appends the queries to send.
  void OnTime(MonoTime now, const Timing& timing, std::vector<SpecificQuery>& out);

  // kNever: nothing to wait for.
  MonoTime NextDeadline() const;
  // Nothing is left to remember.
  bool done() const {
    return mode_ == FilterMode::kInclude && sources_.empty() && group_queries_left_ == 0;
  }
  // Members, their sources and the group's sources.
  size_t entries() const;

 private:
  struct Source {
    IpAddress address;
    // kStopped: the timer is zero, which in EXCLUDE mode means refused. In INCLUDE mode such a
    // source has ended by an immediate leave, and is there for as long as it is asked about.
    MonoTime expires;
    MonoTime query_at = kNever;
    uint8_t queries_left = 0;
  };
  static constexpr MonoTime kStopped = MonoTime::min();
  using Addresses = std::vector<IpAddress>;

  void UpdateRouterState(RecordType type, const Addresses& sources, const RecordContext& context);
  void InInclude(RecordType type, const Addresses& sources, const RecordContext& context);
  void InExclude(RecordType type, const Addresses& sources, const RecordContext& context);
  void ToExclude(const Addresses& sources, MonoTime new_sources_expire,
                 const RecordContext& context);
  void SetTimers(const Addresses& sources, const RecordContext& context);
  void AddMissing(const Addresses& sources, MonoTime expires, const RecordContext& context);
  void QueryGroup(const RecordContext& context);
  void QuerySource(Source& source, const RecordContext& context);

  void Summarise(const RecordContext& context);
  bool UpdateMember(const Record& record, const RecordContext& context);
  void Leave(std::vector<Member>::iterator member, const RecordContext& context);
  void LeaveAtOnce(const RecordContext& context);
  bool TrustsTracking(const RecordContext& context) const;
  bool OlderHostsPresent(MonoTime now) const { return v1_until_ > now || v2_until_ > now; }
  bool HasActiveMember() const;

  void DropEndedSources();
  void ExpireSources(MonoTime now);
  void ExpireFilter(MonoTime now);
  void ExpireMembers(MonoTime now, const Timing& timing);
  void ForgetSource(const IpAddress& source);
  void CollectQueries(MonoTime now, const Timing& timing, std::vector<SpecificQuery>& out);
  Source* FindSource(const IpAddress& address);

  IpAddress group_;
  FilterMode mode_ = FilterMode::kInclude;
  bool changed_ = false;
  uint8_t group_queries_left_ = 0;
  MonoTime filter_expires_ = kStopped;  // runs in EXCLUDE mode only
  MonoTime group_query_at_ = kNever;
  // IGMPv1; and IGMPv2 or MLDv1: until when such hosts count as present.
  MonoTime v1_until_ = kStopped;
  MonoTime v2_until_ = kStopped;
  MonoTime untracked_until_ = kStopped;
  // No member expires earlier than this.
  MonoTime member_check_ = kNever;
  std::vector<Source> sources_;  // ascending
  std::vector<Member> members_;  // ascending
  uint64_t joins_total_ = 0;
  absl::Time last_join_;
};

}  // namespace headwater::membership
