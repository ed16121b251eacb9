#include "services/membership-watcher/link_membership.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <utility>

#include "services/membership-watcher/wire/igmp.h"
#include "services/membership-watcher/wire/mld.h"
#include "services/membership-watcher/wire/mrd.h"

namespace headwater::membership {
namespace {

// RFC 8200 section 5 and what every IPv4 host takes; a wrong or missing MTU is no reason for less.
constexpr size_t kIpv6MtuMin = 1280;
constexpr size_t kIpv4MtuMin = 576;

const IpAddress& AllNodes(bool ipv4) {
  static const IpAddress kIpv4 = IpAddress::V4(0xe0000001);
  static const IpAddress kIpv6 =
      IpAddress::V6({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  return ipv4 ? kIpv4 : kIpv6;
}

constexpr Duration kWarnInterval = 1min;

// The newest version that this querier was told to speak.
Version Configured(const Querier& querier) {
  const int version = querier.options().version;
  if (IsMld(querier.version())) return version == 1 ? Version::kMldV1 : Version::kMldV2;
  if (version == 0) return Version::kIgmpV3;
  return static_cast<Version>(static_cast<int>(Version::kIgmpV1) + version - 1);
}

size_t SourcesPerQuery(bool ipv4, uint32_t mtu) {
  if (ipv4) return (std::max<size_t>(mtu, kIpv4MtuMin) - kIgmpHeaderBytes - kIgmpQueryBytes) / 4;
  return (std::max<size_t>(mtu, kIpv6MtuMin) - kMldHeaderBytes - kMldQueryBytes) / 16;
}

}  // namespace

LinkMembership::LinkMembership(const Options& options, uint64_t seed)
    : options_(options),
      ipv4_(IpAddress::Family::kIpv4, options.ipv4),
      ipv6_(IpAddress::Family::kIpv6, options.ipv6),
      discovery4_(options.ipv4.advertisement_interval, seed),
      discovery6_(options.ipv6.advertisement_interval, seed + 1),
      table_(options.table) {}

const Querier& LinkMembership::querier(IpAddress::Family family) const {
  return family == IpAddress::Family::kIpv4 ? ipv4_ : ipv6_;
}

void LinkMembership::SetOptions(const Options& options, MonoTime now) {
  const Observe observe = options_.observe;
  options_ = options;
  // Takes a restart.
  options_.observe = observe;
  ipv4_.SetOptions(options.ipv4, now);
  ipv6_.SetOptions(options.ipv6, now);
  discovery4_.SetInterval(options.ipv4.advertisement_interval, now);
  discovery6_.SetInterval(options.ipv6.advertisement_interval, now);
  table_.SetOptions(options.table);
}

void LinkMembership::OnInterface(const LinkInterface& interface, MonoTime now, Actions& out) {
  const bool was_up = interface_.up;
  interface_ = interface;
  if (!interface_.up) {
    interface_.ipv4.reset();
    interface_.link_local.reset();
  }
  // Where the bridge is the querier we are none, and no router that wants to hear reports.
  ipv4_.SetAddress(observes_mdb() ? std::nullopt : interface_.ipv4, now);
  ipv6_.SetAddress(observes_mdb() ? std::nullopt : interface_.link_local, now);
  discovery4_.SetActive(ipv4_.active(), now);
  discovery6_.SetActive(ipv6_.active(), now);
  if (interface_.up && !was_up) {
    ipv6_wait_until_ = now + options_.ipv6_wait;
    report_heard_ = now;
    older_querier_heard_ = hop_limit_seen_ = refused_at_ = kNever;
    // A bridge that was up before us has heard its listeners; one that comes up has yet to ask, and
    // without a link-local address its first MLD query fails: the second must have been answered.
    if (std::exchange(been_up_, true)) {
      const auto answered = [now](const QuerierOptions& options) {
        return now + options.startup_interval() + options.query_response_interval +
               options.synced_margin;
      };
      mdb_warm_until_ = std::max(answered(options_.ipv4), answered(options_.ipv6));
    }
  }
  std::vector<TableEvent> events;
  if (!interface_.up) {
    ipv6_wait_until_ = kNever;
    mdb_read_ = false;
    mdb_warm_until_ = kNever;
    table_.Clear(events);
  }
  // First that nothing is known, then the groups: removed ones must not look absent.
  Settle(now, out);
  Perform(events, out);
  OnTime(now, out);
}

void LinkMembership::OnPacket(Bytes packet, MonoTime now, absl::Time received, Actions& out) {
  if (!interface_.up || observes_mdb()) return;
  OnTime(now, out);
  const bool ipv4 = !packet.empty() && packet[0] >> 4 == 4;
  const auto message = ipv4 ? ParseIgmp(packet) : ParseMld(packet);
  if (!message.ok()) {
    ++stats_.dropped[static_cast<size_t>(message.error())];
    if (message.error() == DropReason::kHopLimit) hop_limit_seen_ = now;
    if (message.error() == DropReason::kQuerySource) {
      const auto from = ipv4 ? IpAddress::FromBytes(packet.subspan(12, 4))
                             : IpAddress::FromBytes(packet.subspan(8, 16));
      Warn(QueryFault::kSource, from.value_or(IpAddress()), now, out);
    }
    return;
  }
  if (const auto* query = std::get_if<Query>(&message->body)) {
    OnQuery(*message, *query, now, out);
  } else if (std::holds_alternative<RouterSolicitation>(message->body)) {
    (ipv4 ? discovery4_ : discovery6_).OnSolicitation(now);
  } else {
    const Report& report = std::get<Report>(message->body);
    ++stats_.reports[static_cast<size_t>(report.version)];
    // What our own host says, as a router at least of ff02::16, tells nothing of the link; nor what
    // the switch itself says, which has no address.
    const IpAddress& from = message->from;
    if (from != QuerierFor(from).own_address() && !from.IsUnspecified()) report_heard_ = now;
    const uint64_t refused = table_.refused();
    std::vector<TableEvent> events;
    table_.OnReport(message->from, report, timings(), now, received, events);
    if (table_.refused() != refused) refused_at_ = now;
    Perform(events, out);
  }
  Settle(now, out);
}

void LinkMembership::OnMdb(const std::vector<PortReport>& all, MonoTime now, absl::Time received,
                           Actions& out) {
  if (!interface_.up || !observes_mdb()) return;
  std::vector<TableEvent> events;
  // What is known of a port and no longer in the database has ended.
  absl::flat_hash_set<std::pair<IpAddress, IpAddress>> told;
  for (const PortReport& report : all) told.emplace(report.port, report.record.group);
  std::vector<PortReport> ended;
  table_.ForEach([&](const GroupState& group) {
    for (const Member& member : group.members()) {
      if (told.contains({member.host, group.group()})) continue;
      ended.push_back({member.host, {RecordType::kIsInclude, group.group(), {}}});
    }
  });
  const uint64_t refused = table_.refused();
  for (PortReport& report : ended) {
    table_.OnPort(report.port, std::move(report.record), now, received, events);
  }
  for (const PortReport& report : all) {
    table_.OnPort(report.port, report.record, now, received, events);
  }
  if (table_.refused() != refused) refused_at_ = now;
  mdb_read_ = true;
  Perform(events, out);
  OnTime(now, out);
}

void LinkMembership::OnMdbChange(const PortReport& change, MonoTime now, absl::Time received,
                                 Actions& out) {
  // The first whole reading will tell it.
  if (!interface_.up || !observes_mdb() || !mdb_read_) return;
  std::vector<TableEvent> events;
  const uint64_t refused = table_.refused();
  table_.OnPort(change.port, change.record, now, received, events);
  if (table_.refused() != refused) refused_at_ = now;
  Perform(events, out);
  OnTime(now, out);
}

// A query to one of our own addresses alone counts like any other (RFC 9777 section 5.1.15).
void LinkMembership::OnQuery(const Message& message, const Query& query, MonoTime now,
                             Actions& out) {
  Querier& querier = QuerierFor(message.from);
  // Ours, seen as it leaves.
  if (message.from == querier.own_address()) return;
  ++stats_.queries_heard[static_cast<size_t>(query.version)];
  const Version configured = Configured(querier);
  if (query.general() && query.version < configured) {
    older_querier_heard_ = now;
    Warn(QueryFault::kOlder, message.from, now, out);
  }
  if (query.version > configured) Warn(QueryFault::kNewer, message.from, now, out);
  querier.OnQuery(message.from, query, now);
  if (query.general()) return;
  // Hosts get the time that the query gives them, but never less than our own queries would: a
  // forged one must not end groups at once.
  const Timing timing = querier.timing();
  const Duration interval = std::max<Duration>(query.max_response, timing.last_member_interval);
  table_.OnSpecificQuery(query, timing, interval * timing.last_member_count, now);
}

void LinkMembership::Warn(QueryFault fault, const IpAddress& from, MonoTime now, Actions& out) {
  MonoTime& again = warn_again_[static_cast<size_t>(fault)];
  if (again > now) return;
  again = now + kWarnInterval;
  out.push_back(QueryWarning{fault, from});
}

void LinkMembership::OnSendFailed(IpAddress::Family family, MonoTime now, Actions& out) {
  (family == IpAddress::Family::kIpv4 ? ipv4_ : ipv6_).OnSendFailed(now);
  Settle(now, out);
}

void LinkMembership::OnTime(MonoTime now, Actions& out) {
  if (ipv6_wait_until_ <= now) ipv6_wait_until_ = kNever;
  if (mdb_warm_until_ <= now) mdb_warm_until_ = kNever;
  RunQuerier(ipv4_, now, out);
  RunQuerier(ipv6_, now, out);
  RunDiscovery(discovery4_, ipv4_, now, out);
  RunDiscovery(discovery6_, ipv6_, now, out);
  std::vector<TableEvent> events;
  table_.OnTime(now, timings(), events);
  Perform(events, out);
  Settle(now, out);
}

void LinkMembership::RunQuerier(Querier& querier, MonoTime now, Actions& out) {
  std::vector<Query> queries;
  querier.OnTime(now, queries);
  for (const Query& query : queries) Send(query, out);
}

void LinkMembership::RunDiscovery(RouterDiscovery& discovery, const Querier& querier, MonoTime now,
                                  Actions& out) {
  if (!discovery.OnTime(now)) return;
  const QuerierOptions& options = querier.options();
  std::vector<uint8_t> message;
  SerializeAdvertisement(*querier.own_address(), options.advertisement_interval,
                         options.query_interval, options.robustness, message);
  ++stats_.advertisements_sent;
  SendToSnoopers(querier, std::move(message), out);
}

void LinkMembership::SendToSnoopers(const Querier& querier, std::vector<uint8_t> message,
                                    Actions& out) {
  const IpAddress& from = *querier.own_address();
  out.push_back(SendQuery{from, AllSnoopers(from.is_v4()), std::move(message)});
}

// RFC 4286 section 4.3.
void LinkMembership::OnEnd(Actions& out) {
  for (const auto& [discovery, querier] :
       {std::pair(&discovery4_, &ipv4_), std::pair(&discovery6_, &ipv6_)}) {
    if (!discovery->advertising()) continue;
    std::vector<uint8_t> message;
    SerializeTermination(*querier->own_address(), message);
    SendToSnoopers(*querier, std::move(message), out);
  }
}

MonoTime LinkMembership::NextDeadline() const {
  return std::min({ipv6_wait_until_, mdb_warm_until_, ipv4_.NextDeadline(), ipv6_.NextDeadline(),
                   discovery4_.NextDeadline(), discovery6_.NextDeadline(), table_.NextDeadline()});
}

void LinkMembership::Perform(std::vector<TableEvent>& events, Actions& out) {
  const SpecificQuery* last = nullptr;
  for (TableEvent& event : events) {
    if (const auto* changed = std::get_if<GroupChanged>(&event)) {
      out.push_back(*changed);
    } else if (const auto* removed = std::get_if<GroupRemoved>(&event)) {
      out.push_back(*removed);
    } else {
      auto& specific = std::get<SpecificQuery>(event);
      const Version version = QuerierFor(specific.group).version();
      // An IGMPv1 router has no such query, MLDv1 and IGMPv2 none with sources: one for the group.
      const bool again = last != nullptr && last->group == specific.group;
      if (version == Version::kIgmpV1 || (IsOlder(version) && again)) continue;
      last = &specific;
      Send(specific, out);
    }
  }
}

void LinkMembership::Send(SpecificQuery& specific, Actions& out) {
  const bool ipv4 = specific.group.is_v4();
  const QuerierOptions& options = ipv4 ? options_.ipv4 : options_.ipv6;
  Query query;
  query.version = QuerierFor(specific.group).version();
  query.group = specific.group;
  query.suppress = specific.suppress;
  query.max_response =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.last_member_query_interval);
  query.robustness = static_cast<uint8_t>(options.robustness);
  query.query_interval = std::chrono::duration_cast<std::chrono::seconds>(options.query_interval);
  if (IsOlder(query.version)) specific.sources.clear();
  const size_t at_once = SourcesPerQuery(ipv4, interface_.mtu);
  size_t sent = 0;
  do {
    const size_t count = std::min(at_once, specific.sources.size() - sent);
    const auto first = specific.sources.begin() + static_cast<std::ptrdiff_t>(sent);
    query.sources.assign(first, first + static_cast<std::ptrdiff_t>(count));
    Send(query, out);
    sent += count;
  } while (sent < specific.sources.size());
}

void LinkMembership::Send(const Query& query, Actions& out) {
  const bool ipv4 = query.group.is_v4();
  const auto& own = (ipv4 ? ipv4_ : ipv6_).own_address();
  if (!own) return;
  SendQuery send;
  send.from = *own;
  send.to = query.general() ? AllNodes(ipv4) : query.group;
  send.general = query.general();
  if (ipv4) {
    SerializeIgmpQuery(query, send.message);
  } else {
    SerializeMldQuery(query, send.from, send.to, send.message);
  }
  ++(send.general ? stats_.general_queries_sent : stats_.specific_queries_sent);
  out.push_back(std::move(send));
}

bool LinkMembership::Raises(Alarm alarm, MonoTime now) const {
  if (!interface_.up) return false;
  const Timings times = timings();
  const Duration interval =
      std::max(times.ipv4.membership_interval, times.ipv6.membership_interval);
  const auto recent = [&](MonoTime when) { return when != kNever && now < when + interval; };
  const auto any = [&](auto&& condition) {
    return (ipv4_.active() && condition(ipv4_)) || (ipv6_.active() && condition(ipv6_));
  };
  switch (alarm) {
    case Alarm::kForeignQuerier:
      return any([](const Querier& querier) {
        return !querier.is_querier() && querier.querier().has_value();
      });
    case Alarm::kOlderQuerier:
      return recent(older_querier_heard_);
    case Alarm::kNoQuerier:
      return any([](const Querier& querier) { return !querier.querier().has_value(); });
    case Alarm::kNoReports:
      return !observes_mdb() && !recent(report_heard_);
    case Alarm::kHopLimit:
      return recent(hop_limit_seen_);
    case Alarm::kLimit:
      return recent(refused_at_);
  }
  return false;
}

// Once after every input.
void LinkMembership::Settle(MonoTime now, Actions& out) {
  sync_ = CurrentSync(now);
  Shown shown{interface_, sync_, ipv4_.querier(), ipv6_.querier()};
  if (shown == shown_) return;
  shown_ = std::move(shown);
  out.push_back(LinkChanged{});
}

LinkSync LinkMembership::CurrentSync(MonoTime now) const {
  if (!interface_.up) return LinkSync::kDown;
  if (observes_mdb()) {
    return mdb_read_ && mdb_warm_until_ == kNever ? LinkSync::kSynced : LinkSync::kWarming;
  }
  if (!ipv4_.active() && !ipv6_.active()) return LinkSync::kWarming;
  if (ipv4_.active() && !ipv4_.complete()) return LinkSync::kWarming;
  if (ipv6_.active() ? !ipv6_.complete() : ipv6_wait_until_ > now && ipv6_wait_until_ != kNever) {
    return LinkSync::kWarming;
  }
  return LinkSync::kSynced;
}

}  // namespace headwater::membership
