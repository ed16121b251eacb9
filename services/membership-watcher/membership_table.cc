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

// RFC 4604 sections 2.2.1 and 2.2.2.
bool IgnoredInSsmRange(Version version, RecordType type) {
  return IsOlder(version) || type == RecordType::kIsExclude || type == RecordType::kToExclude;
}

// Ascending, unique, unicast, and no more than `sources_max`. Returns how many were too many.
size_t Normalise(std::vector<IpAddress>& sources, size_t sources_max) {
  std::erase_if(sources, [](const IpAddress& source) {
    return source.IsMulticast() || source.IsUnspecified();
  });
  std::sort(sources.begin(), sources.end());
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
  if (sources.size() <= sources_max) return 0;
  const size_t refused = sources.size() - sources_max;
  sources.resize(sources_max);
  return refused;
}

}  // namespace

bool IsSsmRange(const IpAddress& group) {
  const Bytes bytes = group.bytes();
  if (group.is_v4()) return bytes[0] == 232;
  return bytes[0] == 0xff && bytes[1] >> 4 == 3 &&
         std::all_of(bytes.begin() + 2, bytes.begin() + 12, [](uint8_t byte) { return byte == 0; });
}

bool IsTracked(const IpAddress& group) {
  if (group.is_v4()) return group.low32() >> 8 != 0xe00000;
  return group.MulticastScope() > 2;
}

void MembershipTable::OnReport(const IpAddress& host, const Report& report, const Timings& timings,
                               MonoTime now, absl::Time received, std::vector<TableEvent>& out) {
  for (const Record& record : report.records) {
    if (!IsTracked(record.group)) {
      Ignore(IgnoreReason::kNotTracked);
      continue;
    }
    if (IsSsmRange(record.group) && IgnoredInSsmRange(report.version, record.type)) {
      Ignore(IgnoreReason::kSsmRange);
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
    OnRecord(record, context, out);
    stats_.joins += counts.joins;
    stats_.leaves += counts.leaves;
    Ignore(IgnoreReason::kMemberLimit, counts.members_refused);
    Ignore(IgnoreReason::kSourceLimit, counts.sources_refused);
  }
}

void MembershipTable::OnRecord(const Record& record, RecordContext& context,
                               std::vector<TableEvent>& out) {
  Record clean = record;
  context.counts.sources_refused += Normalise(clean.sources, options_.sources_per_group_max);
  Slot* slot = FindOrAdd(clean);
  if (slot == nullptr) return;
  slot->state.OnRecord(clean, context);
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

void MembershipTable::OnSpecificQuery(const Query& query, Duration last_member_time, MonoTime now) {
  auto found = groups_.find(query.group);
  if (found == groups_.end()) return;
  Query clean = query;
  Normalise(clean.sources, options_.sources_per_group_max);
  // A list of nothing but impossible sources is no group-specific query.
  if (clean.sources.empty() != query.sources.empty()) return;
  found->second->state.OnQuery(clean, last_member_time, now);
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
