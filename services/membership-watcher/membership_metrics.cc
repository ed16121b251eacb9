#include "services/membership-watcher/membership_metrics.h"

namespace headwater::membership {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Registry;

constexpr std::array<const char*, 3> kSyncNames = {"down", "warming", "synced"};
constexpr std::array<const char*, 2> kFamilyNames = {"ipv4", "ipv6"};

Family<Counter>& CounterFamily(Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& GaugeFamily(Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

struct MembershipMetrics::Families {
  explicit Families(Registry& registry)
      : reports(CounterFamily(registry, "headwater_membership_watcher_reports_total",
                              "Good MLD and IGMP reports heard.")),
        queries_heard(CounterFamily(registry, "headwater_membership_watcher_queries_heard_total",
                                    "Good queries of other queriers heard.")),
        dropped(CounterFamily(registry, "headwater_membership_watcher_packets_dropped_total",
                              "Packets that a router must not take, by reason.")),
        ignored(CounterFamily(registry, "headwater_membership_watcher_records_ignored_total",
                              "Records of good reports that changed nothing, by reason.")),
        queries_sent(CounterFamily(registry, "headwater_membership_watcher_queries_sent_total",
                                   "Queries and router advertisements sent.")),
        send_failures(CounterFamily(registry,
                                    "headwater_membership_watcher_query_send_failures_total",
                                    "Queries that could not be sent.")),
        joins(CounterFamily(registry, "headwater_membership_watcher_joins_total",
                            "Reports that added a member or a source.")),
        leaves(CounterFamily(registry, "headwater_membership_watcher_leaves_total",
                             "Reports by which a member left.")),
        sync(GaugeFamily(registry, "headwater_membership_watcher_link_state",
                         "1 for the state that the link is in: down, warming or synced.")),
        querier(GaugeFamily(registry, "headwater_membership_watcher_querier",
                            "1 while we are querier on the link.")),
        foreign_querier(GaugeFamily(registry, "headwater_membership_watcher_foreign_querier",
                                    "1 while another router is querier on the link.")),
        alarms(GaugeFamily(registry, "headwater_membership_watcher_alarm",
                           "1 while something may be wrong with the link, by what it is.")),
        groups(GaugeFamily(registry, "headwater_membership_watcher_groups",
                           "Groups that somebody listens to.")),
        entries(GaugeFamily(registry, "headwater_membership_watcher_table_entries",
                            "Members, their sources and the groups' sources stored.")) {}

  Family<Counter>& reports;
  Family<Counter>& queries_heard;
  Family<Counter>& dropped;
  Family<Counter>& ignored;
  Family<Counter>& queries_sent;
  Family<Counter>& send_failures;
  Family<Counter>& joins;
  Family<Counter>& leaves;
  Family<Gauge>& sync;
  Family<Gauge>& querier;
  Family<Gauge>& foreign_querier;
  Family<Gauge>& alarms;
  Family<Gauge>& groups;
  Family<Gauge>& entries;
};

MembershipMetrics::PerLink::PerLink(Families& families, const std::string& link) {
  for (int i = 0; i < kVersionCount; ++i) {
    const std::string version(Name(static_cast<Version>(i)));
    const auto place = static_cast<size_t>(i);
    reports[place] = Follower(families.reports.Add({{"link", link}, {"version", version}}));
    queries_heard[place] =
        Follower(families.queries_heard.Add({{"link", link}, {"version", version}}));
  }
  for (int i = 0; i < kDropReasonCount; ++i) {
    const std::string reason(Name(static_cast<DropReason>(i)));
    dropped[static_cast<size_t>(i)] =
        Follower(families.dropped.Add({{"link", link}, {"reason", reason}}));
  }
  for (int i = 0; i < kIgnoreReasonCount; ++i) {
    const std::string reason(Name(static_cast<IgnoreReason>(i)));
    ignored[static_cast<size_t>(i)] =
        Follower(families.ignored.Add({{"link", link}, {"reason", reason}}));
  }
  general_queries = Follower(families.queries_sent.Add({{"link", link}, {"kind", "general"}}));
  specific_queries = Follower(families.queries_sent.Add({{"link", link}, {"kind", "specific"}}));
  advertisements = Follower(families.queries_sent.Add({{"link", link}, {"kind", "advertisement"}}));
  send_failures = Follower(families.send_failures.Add({{"link", link}}));
  joins = Follower(families.joins.Add({{"link", link}}));
  leaves = Follower(families.leaves.Add({{"link", link}}));
  for (size_t i = 0; i < sync.size(); ++i) {
    sync[i] = &families.sync.Add({{"link", link}, {"state", kSyncNames[i]}});
  }
  for (size_t i = 0; i < querier.size(); ++i) {
    querier[i] = &families.querier.Add({{"link", link}, {"family", kFamilyNames[i]}});
    foreign_querier[i] =
        &families.foreign_querier.Add({{"link", link}, {"family", kFamilyNames[i]}});
  }
  for (int i = 0; i < kAlarmCount; ++i) {
    const std::string alarm(Name(static_cast<Alarm>(i)));
    alarms[static_cast<size_t>(i)] = &families.alarms.Add({{"link", link}, {"alarm", alarm}});
  }
  groups = &families.groups.Add({{"link", link}});
  entries = &families.entries.Add({{"link", link}});
}

void MembershipMetrics::PerLink::Update(const WatchedLink& link, MonoTime now) {
  const LinkStats& stats = link.membership.stats();
  const MembershipTable& table = link.membership.table();
  for (size_t i = 0; i < reports.size(); ++i) {
    reports[i].Set(stats.reports[i]);
    queries_heard[i].Set(stats.queries_heard[i]);
  }
  for (size_t i = 0; i < dropped.size(); ++i) dropped[i].Set(stats.dropped[i]);
  for (size_t i = 0; i < ignored.size(); ++i) ignored[i].Set(table.stats().ignored[i]);
  general_queries.Set(stats.general_queries_sent);
  specific_queries.Set(stats.specific_queries_sent);
  advertisements.Set(stats.advertisements_sent);
  send_failures.Set(link.send_failures);
  joins.Set(table.stats().joins);
  leaves.Set(table.stats().leaves);
  for (size_t i = 0; i < sync.size(); ++i) {
    sync[i]->Set(static_cast<size_t>(link.membership.sync()) == i ? 1 : 0);
  }
  for (size_t i = 0; i < querier.size(); ++i) {
    const Querier& state =
        link.membership.querier(i == 0 ? IpAddress::Family::kIpv4 : IpAddress::Family::kIpv6);
    querier[i]->Set(state.is_querier() ? 1 : 0);
    foreign_querier[i]->Set(state.active() && !state.is_querier() ? 1 : 0);
  }
  for (size_t i = 0; i < alarms.size(); ++i) {
    alarms[i]->Set(link.membership.Raises(static_cast<Alarm>(i), now) ? 1 : 0);
  }
  groups->Set(static_cast<double>(table.group_count()));
  entries->Set(static_cast<double>(table.entry_count()));
}

MembershipMetrics::MembershipMetrics(Registry& registry, const MembershipShell& shell)
    : frames_dropped_(
          CounterFamily(registry, "headwater_membership_watcher_frames_dropped_total",
                        "Packets dropped before they reached a link: tagged for another VLAN, for "
                        "another host, or too long.")
              .Add({})),
      frames_lost_(CounterFamily(registry, "headwater_membership_watcher_frames_lost_total",
                                 "Packets that the kernel had no room for: the queue overflowed.")
                       .Add({})),
      readers_(&GaugeFamily(registry, "headwater_membership_watcher_watch_readers",
                            "Open WatchMembership streams.")
                    .Add({})) {
  Families families(registry);
  for (const auto& link : shell.links()) {
    links_.push_back(std::make_unique<PerLink>(families, link->leg.link));
  }
}

void MembershipMetrics::Update(const MembershipShell& shell, size_t readers, MonoTime now) {
  for (size_t i = 0; i < links_.size(); ++i) links_[i]->Update(*shell.links()[i], now);
  frames_dropped_.Set(shell.frames_dropped_total());
  frames_lost_.Set(shell.frames_lost_total());
  readers_->Set(static_cast<double>(readers));
}

}  // namespace headwater::membership
