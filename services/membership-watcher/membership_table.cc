#include "services/membership-watcher/membership_table.h"

#include <algorithm>
#include <utility>

namespace headwater::membership {
namespace {

// Whether a record can begin a group that nobody listens to yet.
bool Begins(const Record& record) {
  switch (record.type) {
    case RecordType::kIsExclude:
    case RecordType::kToExclude:
      return true;
    case RecordType::kIsInclude:
    case RecordType::kToInclude:
    case RecordType::kAllow:
      return !record.sources.empty();
    case RecordType::kBlock:
      return false;
  }
  return false;
}

bool IsExclude(RecordType type) {
  return type == RecordType::kIsExclude || type == RecordType::kToExclude;
}

// Whether the record only says again what its host wants, as an answer to a query does.
bool IsCurrentState(RecordType type) {
  return type == RecordType::kIsInclude || type == RecordType::kIsExclude;
}

// Ascending, unique, unicast.
void Normalise(std::vector<IpAddress>& sources) {
  std::erase_if(sources, [](const IpAddress& source) {
    return source.IsMulticast() || source.IsUnspecified();
  });
  std::sort(sources.begin(), sources.end());
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
}

}  // namespace

bool IsTracked(const IpAddress& group) {
  if (group.is_v4()) return group.low32() >> 8 != 0xe00000;
  return group.MulticastScope() > 2;
}

void MembershipTable::OnReport(const IpAddress& host, const Report& report, const Timings& timings,
                               MonoTime now, absl::Time received, std::vector<TableEvent>& out) {
  for (Record record : report.records) {
    const bool mapped = Map(record);
    if (const auto refused = Refused(record, host, report.version, mapped, timings, now)) {
      Ignore(*refused);
      continue;
    }
    GroupCounts counts;
    RecordContext context{.host = host,
                          .version = report.version,
                          .now = now,
                          .received = received,
                          .timing = timings.For(record.group),
                          .limits = options_,
                          .room = options_.entries_max - std::min(options_.entries_max, entries_),
                          .counts = counts};
    OnRecord(std::move(record), context, out);
    Count(counts);
  }
}

void MembershipTable::Count(const GroupCounts& counts) {
  stats_.joins += counts.joins;
  stats_.leaves += counts.leaves;
  Ignore(IgnoreReason::kMemberLimit, counts.members_refused);
  Ignore(IgnoreReason::kSourceLimit, counts.sources_refused);
}

void MembershipTable::OnPort(const IpAddress& port, Record record, MonoTime now,
                             absl::Time received, std::vector<TableEvent>& out) {
  if (!IsTracked(record.group)) return Ignore(IgnoreReason::kNotTracked);
  const bool mapped = Map(record);
  Normalise(record.sources);
  if (!mapped && IsExclude(record.type) && IsSsmRange(record.group)) {
    Ignore(IgnoreReason::kSsmRange);
    record = {RecordType::kIsInclude, record.group, {}};
  }
  const bool none = record.type == RecordType::kIsInclude && record.sources.empty();
  // Most rows of a whole database are about groups that are known, and many say nothing new.
  if (none && !groups_.contains(record.group)) return;
  Slot* slot = FindOrAdd(record);
  if (slot == nullptr) return;
  GroupCounts counts;
  const Timing timing;
  const RecordContext context{
      .host = port,
      .version = record.group.is_v4() ? Version::kIgmpV3 : Version::kMldV2,
      .now = now,
      .received = received,
      .timing = timing,
      .limits = options_,
      .room = options_.entries_max - std::min(options_.entries_max, entries_),
      .counts = counts};
  slot->state.OnPort(record, context);
  Settle(*slot, out);
  Count(counts);
}

// A join without a source, where the group is mapped to one, becomes a join of that source; a leave
// is one as it stands. Returns whether the group is mapped.
bool MembershipTable::Map(Record& record) const {
  for (const SsmMapping& mapping : options_.ssm_mapping) {
    if (!mapping.groups.Contains(record.group)) continue;
    if (IsExclude(record.type)) {
      record.type = IsCurrentState(record.type) ? RecordType::kIsInclude : RecordType::kAllow;
      record.sources = {mapping.source};
    }
    return true;
  }
  return false;
}

std::optional<IgnoreReason> MembershipTable::Refused(const Record& record, const IpAddress& host,
                                                     Version version, bool mapped,
                                                     const Timings& timings, MonoTime now) {
  if (!IsTracked(record.group)) return IgnoreReason::kNotTracked;
  if (IsOlder(version) && !timings.For(record.group).older_reports) {
    return IgnoreReason::kOlderVersion;
  }
  // RFC 9777 section 7.4, RFC 9776 section 6.4, RFC 4604 sections 2.2.1 and 2.2.2.
  if (!mapped && (IsOlder(version) || IsExclude(record.type)) && IsSsmRange(record.group)) {
    return IgnoreReason::kSsmRange;
  }
  if (!rate_.Take(host, now) && !(IsCurrentState(record.type) && Find(record.group) != nullptr)) {
    return IgnoreReason::kRateLimit;
  }
  return std::nullopt;
}

bool MembershipTable::IsSsmRange(const IpAddress& group) const {
  return std::any_of(options_.ssm_ranges.begin(), options_.ssm_ranges.end(),
                     [&](const GroupRange& range) { return range.Contains(group); });
}

void MembershipTable::OnRecord(Record record, RecordContext& context,
                               std::vector<TableEvent>& out) {
  const bool listed = !record.sources.empty();
  Normalise(record.sources);
  // An empty list would say something else; but who refuses impossible sources wants all.
  if (listed && record.sources.empty() && !IsExclude(record.type)) {
    Ignore(IgnoreReason::kBadSources);
    return;
  }
  Slot* slot = FindOrAdd(record);
  if (slot == nullptr) return;
  slot->state.OnRecord(record, context);
  std::vector<SpecificQuery> queries;
  slot->state.OnTime(context.now, context.timing, queries);
  Settle(*slot, out);
  for (SpecificQuery& query : queries) out.push_back(std::move(query));
}

MembershipTable::Slot* MembershipTable::FindOrAdd(const Record& record) {
  if (auto found = groups_.find(record.group); found != groups_.end()) return found->second.get();
  if (!Begins(record)) {
    Ignore(IgnoreReason::kNothingToLeave);
    return nullptr;
  }
  if (groups_.size() >= options_.groups_max || entries_ >= options_.entries_max) {
    Ignore(IgnoreReason::kGroupLimit);
    return nullptr;
  }
  auto slot = std::make_unique<Slot>(Slot{GroupState(record.group)});
  return groups_.emplace(record.group, std::move(slot)).first->second.get();
}

// After every input to a group: publishes what changed, counts, sets its deadline. The slot may be
// gone afterwards.
void MembershipTable::Settle(Slot& slot, std::vector<TableEvent>& out) {
  const IpAddress group = slot.state.group();
  const bool changed = slot.state.TakeChanged();
  const bool present = slot.state.present();
  if (present && (changed || !slot.published)) out.push_back(GroupChanged{group});
  if (!present && slot.published) out.push_back(GroupRemoved{group});
  if (present != slot.published) present ? ++present_ : --present_;
  slot.published = present;
  const size_t entries = slot.state.entries();
  entries_ = entries_ + entries - slot.entries;
  slot.entries = entries;
  if (!slot.state.done()) {
    deadlines_.Set(group, slot.state.NextDeadline());
    return;
  }
  entries_ -= entries;
  deadlines_.Remove(group);
  groups_.erase(group);
}

void MembershipTable::OnSpecificQuery(const Query& query, const Timing& timing,
                                      Duration last_member_time, MonoTime now) {
  auto found = groups_.find(query.group);
  if (found == groups_.end()) return;
  Query clean = query;
  Normalise(clean.sources);
  // A list of nothing but impossible sources is no group-specific query.
  if (clean.sources.empty() != query.sources.empty()) return;
  found->second->state.OnQuery(clean, timing, last_member_time, now);
  deadlines_.Set(query.group, found->second->state.NextDeadline());
}

void MembershipTable::OnTime(MonoTime now, const Timings& timings, std::vector<TableEvent>& out) {
  while (const auto group = deadlines_.PopDue(now)) {
    Slot& slot = *groups_.at(*group);
    std::vector<SpecificQuery> queries;
    slot.state.OnTime(now, timings.For(*group), queries);
    Settle(slot, out);
    for (SpecificQuery& query : queries) out.push_back(std::move(query));
  }
}

void MembershipTable::Clear(std::vector<TableEvent>& out) {
  for (const auto& [group, slot] : groups_) {
    if (slot->published) out.push_back(GroupRemoved{group});
  }
  groups_.clear();
  deadlines_.Clear();
  present_ = 0;
  entries_ = 0;
}

uint64_t MembershipTable::refused() const {
  uint64_t refused = 0;
  for (IgnoreReason reason : {IgnoreReason::kRateLimit, IgnoreReason::kGroupLimit,
                              IgnoreReason::kMemberLimit, IgnoreReason::kSourceLimit}) {
    refused += stats_.ignored[static_cast<size_t>(reason)];
  }
  return refused;
}

const GroupState* MembershipTable::Find(const IpAddress& group) const {
  auto found = groups_.find(group);
  return found != groups_.end() && found->second->published ? &found->second->state : nullptr;
}

void MembershipTable::ForEach(absl::FunctionRef<void(const GroupState&)> visit) const {
  for (const auto& [group, slot] : groups_) {
    if (slot->published) visit(slot->state);
  }
}

}  // namespace headwater::membership
