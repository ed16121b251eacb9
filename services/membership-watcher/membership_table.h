#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/deadline_queue.h"
#include "services/membership-watcher/group_state.h"
#include "services/membership-watcher/options.h"
#include "services/membership-watcher/record_rate.h"
#include "services/membership-watcher/timing.h"
#include "services/membership-watcher/wire/membership_message.h"

namespace headwater::membership {

// Why a record of a good report changed nothing. The names are metric labels.
enum class IgnoreReason : uint8_t {
  kNotTracked,      // ff00::/16, ff01::/16, ff02::/16, 224.0.0.0/24: never streams
  kSsmRange,        // IS_EX, TO_EX or an older version in an SSM range (RFC 4604)
  kOlderVersion,    // compatibility with older versions is off
  kBadSources,      // not one of its sources is a unicast address
  kNothingToLeave,  // about a group that nobody listens to
  kRateLimit,       // the host sends more than its share and this would change something
  kGroupLimit,
  kMemberLimit,
  kSourceLimit,
};
inline constexpr int kIgnoreReasonCount = static_cast<int>(IgnoreReason::kSourceLimit) + 1;

constexpr std::string_view Name(IgnoreReason reason) {
  constexpr std::string_view kNames[kIgnoreReasonCount] = {
      "not_tracked", "ssm_range",   "older_version", "bad_sources",  "nothing_to_leave",
      "rate_limit",  "group_limit", "member_limit",  "source_limit",
  };
  return kNames[static_cast<size_t>(reason)];
}

struct TableStats {
  std::array<uint64_t, kIgnoreReasonCount> ignored = {};
  uint64_t joins = 0;
  uint64_t leaves = 0;
};

// Groups that are never streams: node- and link-local ones.
bool IsTracked(const IpAddress& group);

// The published state of this group has changed: see Find.
struct GroupChanged {
  IpAddress group;
};
// The last listener has gone.
struct GroupRemoved {
  IpAddress group;
};
using TableEvent = std::variant<GroupChanged, GroupRemoved, SpecificQuery>;

// The groups of one link, both families. Work is proportional to what is due, never to the size of
// the table. Pure and not thread-safe. Limits are in TableOptions.
class MembershipTable {
 public:
  explicit MembershipTable(const TableOptions& options)
      : options_(options), rate_(options.records_per_second_max) {}
  // What is above a lowered limit lives on.
  void SetOptions(const TableOptions& options) {
    options_ = options;
    rate_.Set(options.records_per_second_max);
  }

  // `received` is kernel time.
  void OnReport(const IpAddress& host, const Report& report, const Timings& timings, MonoTime now,
                absl::Time received, std::vector<TableEvent>& out);
  // What a port of a bridge wants now: IS_IN or IS_EX, INCLUDE of nothing for none.
  void OnPort(const IpAddress& port, Record record, MonoTime now, absl::Time received,
              std::vector<TableEvent>& out);
  // A group-specific or group-and-source-specific query of the link's querier.
  void OnSpecificQuery(const Query& query, const Timing& timing, Duration last_member_time,
                       MonoTime now);
  void OnTime(MonoTime now, const Timings& timings, std::vector<TableEvent>& out);
  // The link went down: everything is forgotten.
  void Clear(std::vector<TableEvent>& out);

  bool IsSsmRange(const IpAddress& group) const;
  MonoTime NextDeadline() const { return deadlines_.Next(); }
  // Null when nobody listens. Valid until the next call that is not const.
  const GroupState* Find(const IpAddress& group) const;
  void ForEach(absl::FunctionRef<void(const GroupState&)> visit) const;
  size_t group_count() const { return present_; }
  // Members, their sources and the groups' sources.
  size_t entry_count() const { return entries_; }
  const TableStats& stats() const { return stats_; }
  // What was refused at a limit, of whatever kind.
  uint64_t refused() const;

 private:
  struct Slot {
    GroupState state;
    bool published = false;
    size_t entries = 0;
  };

  bool Map(Record& record) const;
  std::optional<IgnoreReason> Refused(const Record& record, const IpAddress& host, Version version,
                                      bool mapped, const Timings& timings, MonoTime now);
  void OnRecord(Record record, RecordContext& context, std::vector<TableEvent>& out);
  void Count(const GroupCounts& counts);
  Slot* FindOrAdd(const Record& record);
  void Settle(Slot& slot, std::vector<TableEvent>& out);
  void Ignore(IgnoreReason reason, uint64_t count = 1) {
    stats_.ignored[static_cast<size_t>(reason)] += count;
  }

  TableOptions options_;
  RecordRate rate_;
  absl::flat_hash_map<IpAddress, std::unique_ptr<Slot>> groups_;
  DeadlineQueue<IpAddress> deadlines_;
  size_t present_ = 0;
  size_t entries_ = 0;
  TableStats stats_;
};

}  // namespace headwater::membership
