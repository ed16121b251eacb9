#include "services/membership-watcher/group_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace headwater::membership {
namespace {

using Addresses = std::vector<IpAddress>;

// A querier that has not yet heard the answer when it asks again would have other routers forget
// who has just spoken; one more lost packet and the listener would be gone.
constexpr Duration kCrossing = 50ms;

bool Contains(const Addresses& sorted, const IpAddress& address) {
  return std::binary_search(sorted.begin(), sorted.end(), address);
}

Addresses Union(const Addresses& a, const Addresses& b) {
  Addresses out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

Addresses Difference(const Addresses& a, const Addresses& b) {
  Addresses out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

bool IsLeaveType(RecordType type) {
  return type == RecordType::kToInclude || type == RecordType::kBlock;
}

}  // namespace

std::vector<IpAddress> GroupState::sources() const {
  Addresses out;
  for (const Source& source : sources_) {
    const bool running = source.expires != kStopped;
    if (running == (mode_ == FilterMode::kInclude)) out.push_back(source.address);
  }
  return out;
}

std::vector<IpAddress> GroupState::requested() const {
  Addresses out;
  for (const Source& source : sources_) {
    if (mode_ == FilterMode::kExclude && source.expires != kStopped) out.push_back(source.address);
  }
  return out;
}

bool GroupState::present() const {
  return mode_ == FilterMode::kExclude ||
         std::any_of(sources_.begin(), sources_.end(),
                     [](const Source& source) { return source.expires != kStopped; });
}

bool GroupState::TakeChanged() { return std::exchange(changed_, false); }

void GroupState::OnRecord(const Record& record, const RecordContext& context) {
  const bool v1_present = v1_until_ > context.now || !context.timing.leaves;
  const MonoTime older_until = context.now + context.timing.older_host_interval;
  if (IsOlder(context.version) && record.type == RecordType::kIsExclude) {
    (context.version == Version::kIgmpV1 ? v1_until_ : v2_until_) = older_until;
  }
  // RFC 9777 section 8.3.2 and RFC 9776 section 7.3.2: with older hosts present BLOCK and the
  // source list of TO_EX are ignored; with IGMPv1 hosts present, who cannot leave, leaves are too.
  const bool older_present = OlderHostsPresent(context.now) || !context.timing.leaves;
  const bool ignored = (older_present && record.type == RecordType::kBlock) ||
                       (v1_present && record.type == RecordType::kToInclude);
  if (!ignored) {
    const bool plain = older_present && record.type == RecordType::kToExclude;
    UpdateRouterState(record.type, plain ? Addresses{} : record.sources, context);
  }
  if (UpdateMember(record, context)) {
    ++joins_total_;
    last_join_ = context.received;
    ++context.counts.joins;
    changed_ = true;
  }
  if (IsLeaveType(record.type) && !HasActiveMember() && present() && TrustsTracking(context)) {
    LeaveAtOnce(context);
  }
}

// Each port's word is exact and no timer of ours ends it: the bridge has its own.
void GroupState::OnPort(const Record& record, const RecordContext& context) {
  auto member = std::lower_bound(
      members_.begin(), members_.end(), context.host,
      [](const Member& other, const IpAddress& host) { return other.host < host; });
  const bool listed = member != members_.end() && member->host == context.host;
  const FilterMode mode =
      record.type == RecordType::kIsExclude ? FilterMode::kExclude : FilterMode::kInclude;
  if (mode == FilterMode::kInclude && record.sources.empty()) {
    if (!listed) return;
    ++context.counts.leaves;
    members_.erase(member);
  } else {
    if (listed && member->mode == mode && member->sources == record.sources) return;
    if (!listed && (members_.size() >= context.limits.members_per_group_max || context.room == 0)) {
      ++context.counts.members_refused;
      return;
    }
    if (!listed) {
      member = members_.insert(
          member, Member{.host = context.host, .expires = kNever, .joined = context.received});
    }
    const bool wants_more = mode == FilterMode::kExclude
                                ? member->mode == FilterMode::kInclude
                                : member->mode == FilterMode::kInclude &&
                                      !Difference(record.sources, member->sources).empty();
    if (!listed || wants_more) {
      ++joins_total_;
      ++context.counts.joins;
      last_join_ = context.received;
    }
    member->mode = mode;
    member->version = context.version;
    member->sources = record.sources;
    member->sources.resize(std::min(member->sources.size(), context.limits.sources_per_group_max));
  }
  changed_ = true;
  Summarise(context);
}

// RFC 9777 section 7.2.1, from the members: EXCLUDE when one is, of what all of them refuse and
// nobody wants; else INCLUDE of what any of them wants.
void GroupState::Summarise(const RecordContext& context) {
  Addresses wanted;
  Addresses refused;
  mode_ = FilterMode::kInclude;
  for (const Member& member : members_) {
    if (member.mode == FilterMode::kInclude) {
      wanted = Union(wanted, member.sources);
    } else if (std::exchange(mode_, FilterMode::kExclude) == FilterMode::kInclude) {
      refused = member.sources;
    } else {
      refused = Difference(refused, Difference(refused, member.sources));
    }
  }
  filter_expires_ = mode_ == FilterMode::kExclude ? kNever : kStopped;
  sources_.clear();
  AddMissing(wanted, kNever, context);
  AddMissing(Difference(refused, wanted), kStopped, context);
}

void GroupState::UpdateRouterState(RecordType type, const Addresses& sources,
                                   const RecordContext& context) {
  if (mode_ == FilterMode::kInclude) {
    InInclude(type, sources, context);
  } else {
    InExclude(type, sources, context);
  }
}

// RFC 9777 sections 7.4.1 and 7.4.2, INCLUDE (A) and a record with sources (B).
void GroupState::InInclude(RecordType type, const Addresses& sources,
                           const RecordContext& context) {
  switch (type) {
    case RecordType::kIsInclude:
    case RecordType::kAllow:
      SetTimers(sources, context);
      return;
    case RecordType::kToInclude:
      for (Source& source : sources_) {
        if (!Contains(sources, source.address)) QuerySource(source, context);
      }
      SetTimers(sources, context);
      return;
    case RecordType::kBlock:
      for (Source& source : sources_) {
        if (Contains(sources, source.address)) QuerySource(source, context);
      }
      return;
    case RecordType::kIsExclude:
    case RecordType::kToExclude:
      mode_ = FilterMode::kExclude;
      changed_ = true;
      // Those that have ended are not of A.
      std::erase_if(sources_, [](const Source& source) { return source.expires == kStopped; });
      ToExclude(sources, kStopped, context);
      if (type == RecordType::kToExclude) {
        for (Source& source : sources_) QuerySource(source, context);
      }
      filter_expires_ = context.now + context.timing.membership_interval;
      return;
  }
}

// The same in EXCLUDE (X,Y): X are the sources whose timers run, Y those that have stopped.
void GroupState::InExclude(RecordType type, const Addresses& sources,
                           const RecordContext& context) {
  switch (type) {
    case RecordType::kIsInclude:
    case RecordType::kAllow:
      SetTimers(sources, context);
      return;
    case RecordType::kToInclude:
      for (Source& source : sources_) {
        if (!Contains(sources, source.address)) QuerySource(source, context);
      }
      SetTimers(sources, context);
      QueryGroup(context);
      return;
    case RecordType::kBlock:
      AddMissing(sources, filter_expires_, context);
      for (Source& source : sources_) {
        if (Contains(sources, source.address)) QuerySource(source, context);
      }
      return;
    case RecordType::kIsExclude:
      ToExclude(sources, context.now + context.timing.membership_interval, context);
      filter_expires_ = context.now + context.timing.membership_interval;
      return;
    case RecordType::kToExclude:
      ToExclude(sources, filter_expires_, context);
      for (Source& source : sources_) QuerySource(source, context);
      filter_expires_ = context.now + context.timing.membership_interval;
      return;
  }
}

// Keeps what is in `sources`, deletes the rest, adds what is missing.
void GroupState::ToExclude(const Addresses& sources, MonoTime new_sources_expire,
                           const RecordContext& context) {
  const size_t deleted = std::erase_if(
      sources_, [&](const Source& source) { return !Contains(sources, source.address); });
  if (deleted > 0) changed_ = true;
  AddMissing(sources, new_sources_expire, context);
}

void GroupState::SetTimers(const Addresses& sources, const RecordContext& context) {
  const MonoTime expires = context.now + context.timing.membership_interval;
  for (const IpAddress& address : sources) {
    Source* source = FindSource(address);
    if (source == nullptr) continue;
    if (source->expires == kStopped) changed_ = true;
    source->expires = expires;
  }
  AddMissing(sources, expires, context);
}

void GroupState::AddMissing(const Addresses& sources, MonoTime expires,
                            const RecordContext& context) {
  for (const IpAddress& address : sources) {
    if (FindSource(address) != nullptr) continue;
    if (sources_.size() >= context.limits.sources_per_group_max || context.room == 0) {
      ++context.counts.sources_refused;
      continue;
    }
    auto place = std::lower_bound(
        sources_.begin(), sources_.end(), address,
        [](const Source& source, const IpAddress& other) { return source.address < other; });
    sources_.insert(place, Source{.address = address, .expires = expires});
    changed_ = true;
  }
}

// Section 7.6.3.1. A query that is still being repeated, and to which nobody has answered, is not
// begun anew: many leaves at once make one query.
void GroupState::QueryGroup(const RecordContext& context) {
  if (!context.timing.querier) return;
  const MonoTime lowered = context.now + context.timing.last_member_time();
  if (filter_expires_ <= lowered && group_queries_left_ > 0) return;
  filter_expires_ = std::min(filter_expires_, lowered);
  group_queries_left_ = static_cast<uint8_t>(context.timing.last_member_count);
  group_query_at_ = context.now;
}

// Section 7.6.3.2: only sources whose timer is larger than the Last Listener Query Time.
void GroupState::QuerySource(Source& source, const RecordContext& context) {
  if (!context.timing.querier || source.expires == kStopped) return;
  const MonoTime lowered = context.now + context.timing.last_member_time();
  if (source.expires <= lowered) return;
  source.expires = lowered;
  source.queries_left = static_cast<uint8_t>(context.timing.last_member_count);
  source.query_at = context.now;
}

// Returns whether the report has added a member or a source.
bool GroupState::UpdateMember(const Record& record, const RecordContext& context) {
  auto member = std::lower_bound(
      members_.begin(), members_.end(), context.host,
      [](const Member& other, const IpAddress& host) { return other.host < host; });
  const bool listed = member != members_.end() && member->host == context.host;
  const bool known = listed && !member->leaving;
  FilterMode mode = known ? member->mode : FilterMode::kInclude;
  Addresses sources = known ? member->sources : Addresses{};
  bool gained = false;
  switch (record.type) {
    case RecordType::kIsExclude:
    case RecordType::kToExclude:
      gained = mode == FilterMode::kInclude;
      mode = FilterMode::kExclude;
      sources = record.sources;
      break;
    case RecordType::kIsInclude:
    case RecordType::kToInclude: {
      // A long list comes in several records, so INCLUDE lists add up; an empty one is a leave.
      Addresses before;
      if (mode == FilterMode::kInclude) before = std::move(sources);
      sources = record.sources.empty() ? Addresses{} : Union(before, record.sources);
      gained = mode == FilterMode::kInclude && sources.size() > before.size();
      mode = FilterMode::kInclude;
      break;
    }
    case RecordType::kAllow:
    case RecordType::kBlock: {
      const bool adds = (record.type == RecordType::kAllow) == (mode == FilterMode::kInclude);
      if (record.type == RecordType::kBlock && !known) return false;
      const size_t before = sources.size();
      sources = adds ? Union(sources, record.sources) : Difference(sources, record.sources);
      gained = record.type == RecordType::kAllow && sources.size() != before;
      break;
    }
  }
  if (mode == FilterMode::kInclude && sources.empty()) {
    if (known) Leave(member, context);
    return false;
  }
  // Those that the group refused were counted there.
  sources.resize(std::min(sources.size(), context.limits.sources_per_group_max));
  if (!listed) {
    if (members_.size() >= context.limits.members_per_group_max || context.room == 0) {
      ++context.counts.members_refused;
      untracked_until_ = context.now + context.timing.membership_interval;
      // Nobody remembers it, so only its word that something is new can be believed.
      return record.type != RecordType::kIsInclude &&
             (record.type != RecordType::kIsExclude || IsOlder(context.version));
    }
    member = members_.insert(member, Member{.host = context.host});
  }
  if (!known) member->joined = context.received;
  if (!known || member->mode != mode || member->sources != sources) changed_ = true;
  member->leaving = false;
  member->mode = mode;
  member->version = context.version;
  member->sources = std::move(sources);
  member->expires = context.now + context.timing.membership_interval;
  member_check_ = std::min(member_check_, member->expires);
  return !known || gained;
}

void GroupState::Leave(std::vector<Member>::iterator member, const RecordContext& context) {
  ++context.counts.leaves;
  member->leaving = true;
  if (HasActiveMember() && !IsOlder(context.version)) {
    members_.erase(member);
    changed_ = true;
    return;
  }
  // Who else there is will be known after the last-listener queries.
  member_check_ = std::min(member_check_, context.now + context.timing.last_member_time());
}

bool GroupState::TrustsTracking(const RecordContext& context) const {
  return context.limits.immediate_leave && context.timing.complete && context.timing.leaves &&
         !IsOlder(context.version) && !OlderHostsPresent(context.now) &&
         untracked_until_ <= context.now && !context.host.IsUnspecified() &&
         std::none_of(members_.begin(), members_.end(),
                      [](const Member& member) { return IsOlder(member.version); });
}

// The queries of the table go out as they would without tracking, for the group or for the sources
// that were left.
void GroupState::LeaveAtOnce(const RecordContext& context) {
  mode_ = FilterMode::kInclude;
  filter_expires_ = kStopped;
  for (Source& source : sources_) source.expires = kStopped;
  DropEndedSources();
  // Others had stopped listening before, and were asked about: the group as a whole was not.
  if (context.timing.querier && done()) {
    group_queries_left_ = static_cast<uint8_t>(context.timing.last_member_count);
    group_query_at_ = context.now;
  }
  members_.clear();
  member_check_ = kNever;
  changed_ = true;
}

// In INCLUDE mode only.
void GroupState::DropEndedSources() {
  std::erase_if(sources_, [](const Source& source) {
    return source.expires == kStopped && source.queries_left == 0;
  });
}

bool GroupState::HasActiveMember() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const Member& member) { return !member.leaving; });
}

void GroupState::OnQuery(const Query& query, const Timing& timing, Duration last_member_time,
                         MonoTime now) {
  if (query.suppress || !present()) return;
  const MonoTime lowered = now + last_member_time;
  // What was set only now: its report and the query have crossed on the wire.
  const MonoTime fresh = now + timing.membership_interval - kCrossing;
  if (query.sources.empty()) {
    if (mode_ == FilterMode::kExclude && filter_expires_ < fresh) {
      filter_expires_ = std::min(filter_expires_, lowered);
    }
    return;
  }
  for (const IpAddress& address : query.sources) {
    Source* source = FindSource(address);
    // kStopped is less than any time and stays.
    if (source == nullptr || source->expires >= fresh) continue;
    source->expires = std::min(source->expires, lowered);
  }
}

void GroupState::OnTime(MonoTime now, const Timing& timing, std::vector<SpecificQuery>& out) {
  ExpireSources(now);
  ExpireFilter(now);
  ExpireMembers(now, timing);
  CollectQueries(now, timing, out);
}

// Section 7.2.3: a source whose timer ends is deleted in INCLUDE mode and refused in EXCLUDE mode.
void GroupState::ExpireSources(MonoTime now) {
  Addresses expired;
  for (Source& source : sources_) {
    if (source.expires == kStopped || source.expires > now) continue;
    source.expires = kStopped;
    source.queries_left = 0;
    source.query_at = kNever;
    expired.push_back(source.address);
  }
  if (expired.empty()) return;
  changed_ = true;
  for (const IpAddress& address : expired) ForgetSource(address);
  if (mode_ == FilterMode::kInclude) DropEndedSources();
}

// Section 7.2.2: nobody is left in EXCLUDE mode; the sources that somebody still wants remain.
void GroupState::ExpireFilter(MonoTime now) {
  if (mode_ != FilterMode::kExclude || filter_expires_ > now) return;
  mode_ = FilterMode::kInclude;
  filter_expires_ = kStopped;
  std::erase_if(sources_, [](const Source& source) { return source.expires == kStopped; });
  std::erase_if(members_, [](const Member& member) { return member.mode == FilterMode::kExclude; });
  changed_ = true;
}

void GroupState::ExpireMembers(MonoTime now, const Timing& timing) {
  if (member_check_ > now) return;
  const bool active = HasActiveMember();
  const size_t gone = std::erase_if(members_, [&](const Member& member) {
    return member.expires <= now || (member.leaving && active);
  });
  if (gone > 0) changed_ = true;
  member_check_ = kNever;
  for (const Member& member : members_) {
    // Nobody else has spoken yet: one who is leaving stays listed as long as the group stands.
    const MonoTime again = now + timing.last_member_time();
    member_check_ =
        std::min(member_check_, member.leaving ? std::min(again, member.expires) : member.expires);
  }
}

// No host has asked for the source for a whole interval: members that still list it are mistaken.
void GroupState::ForgetSource(const IpAddress& source) {
  for (Member& member : members_) {
    if (member.mode == FilterMode::kInclude) std::erase(member.sources, source);
  }
  std::erase_if(members_, [](const Member& member) {
    return member.mode == FilterMode::kInclude && member.sources.empty();
  });
}

// Sections 7.6.3.1 and 7.6.3.2. The S flag is decided at each transmission: it tells other routers
// to leave their timers alone where an answer has come.
void GroupState::CollectQueries(MonoTime now, const Timing& timing,
                                std::vector<SpecificQuery>& out) {
  const MonoTime soon = now + timing.last_member_time();
  bool group_query = false;
  if (group_queries_left_ > 0 && group_query_at_ <= now) {
    out.push_back({group_, {}, mode_ == FilterMode::kExclude && filter_expires_ > soon});
    group_query_at_ = --group_queries_left_ > 0 ? now + timing.last_member_interval : kNever;
    group_query = true;
  }
  SpecificQuery answered{group_, {}, true};
  SpecificQuery open{group_, {}, false};
  for (Source& source : sources_) {
    if (source.queries_left == 0 || source.query_at > now) continue;
    (source.expires > soon ? answered : open).sources.push_back(source.address);
    source.query_at = --source.queries_left > 0 ? now + timing.last_member_interval : kNever;
  }
  // The group query of the same moment says as much as the one with S would.
  if (!answered.sources.empty() && !group_query) out.push_back(std::move(answered));
  if (!open.sources.empty()) out.push_back(std::move(open));
  if (mode_ == FilterMode::kInclude) DropEndedSources();
}

MonoTime GroupState::NextDeadline() const {
  MonoTime next = std::min(member_check_, group_query_at_);
  if (mode_ == FilterMode::kExclude) next = std::min(next, filter_expires_);
  for (const Source& source : sources_) {
    if (source.expires != kStopped) next = std::min(next, source.expires);
    next = std::min(next, source.query_at);
  }
  return next;
}

size_t GroupState::entries() const {
  size_t entries = sources_.size() + members_.size();
  for (const Member& member : members_) entries += member.sources.size();
  return entries;
}

GroupState::Source* GroupState::FindSource(const IpAddress& address) {
  auto found = std::lower_bound(
      sources_.begin(), sources_.end(), address,
      [](const Source& source, const IpAddress& other) { return source.address < other; });
  return found != sources_.end() && found->address == address ? &*found : nullptr;
}

}  // namespace headwater::membership
