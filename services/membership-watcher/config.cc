#include "services/membership-watcher/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace headwater::membership {
namespace {

// Longer times are not what a code in a query can say (RFC 9777 sections 5.1.3 and 5.1.9).
constexpr Duration kIntervalMax = 31744s;
constexpr Duration kResponseMax = 3174s;

using Families = std::vector<QuerierOptions*>;

template <typename Field, typename... Ranges>
void Read(ConfigTable& table, const char* key, const Families& families,
          Field QuerierOptions::*field, const Ranges&... ranges) {
  Field value{};
  if (!table.Read(key, value, ranges...)) return;
  for (QuerierOptions* options : families) options->*field = value;
}

void ReadRole(ConfigTable& table, const Families& families) {
  std::string text;
  if (!table.Read("querier", text)) return;
  std::optional<QuerierRole> role;
  if (text == "auto") role = QuerierRole::kAuto;
  if (text == "always") role = QuerierRole::kAlways;
  if (text == "never") role = QuerierRole::kNever;
  if (!role) {
    table.Fault("querier", "must be \"auto\", \"always\" or \"never\"");
    return;
  }
  for (QuerierOptions* options : families) options->role = *role;
}

void ReadQuerier(ConfigTable& table, const Families& families) {
  using Q = QuerierOptions;
  ReadRole(table, families);
  Read(table, "compatibility", families, &Q::compatibility);
  Read(table, "robustness", families, &Q::robustness, Range<int64_t>{1, 7});
  const Range<Duration> interval = {1s, kIntervalMax};
  const Range<Duration> response = {100ms, kResponseMax};
  Read(table, "query_interval", families, &Q::query_interval, interval);
  Read(table, "query_response_interval", families, &Q::query_response_interval, response);
  Read(table, "last_member_query_interval", families, &Q::last_member_query_interval, response);
  Read(table, "last_member_query_count", families, &Q::last_member_query_count,
       Range<int64_t>{1, 7});
  Read(table, "startup_query_interval", families, &Q::startup_query_interval,
       Range<Duration>{100ms, kIntervalMax});
  Read(table, "startup_query_count", families, &Q::startup_query_count, Range<int64_t>{1, 7});
  Read(table, "startup_response_interval", families, &Q::startup_response_interval, response);
  // RFC 4286 section 4.1: 4 s to 180 s.
  Read(table, "advertisement_interval", families, &Q::advertisement_interval,
       Range<Duration>{0s, 180s});
  Read(table, "synced_margin", families, &Q::synced_margin, Range<Duration>{0ms, 10s});
}

void Check(ConfigTable& table, const QuerierOptions& options, Duration response_max) {
  if (options.query_response_interval >= options.query_interval) {
    table.Fault("query_response_interval",
                "must be less than query_interval (RFC 9777 section 9.3)");
  } else if (options.query_response_interval > response_max) {
    // Older versions have no floating-point code (RFC 9776 section 7.3.1).
    table.Fault("query_response_interval",
                fmt::format("must be at most {} for queries of that version",
                            FormatDuration(response_max)));
  }
}

// A family's own table, within the link's.
void ReadFamily(ConfigTable& table, const char* key, QuerierOptions& options) {
  ConfigTable family = table.Table(key);
  ReadQuerier(family, {&options});
  Duration response_max = kResponseMax;
  if (std::string_view(key) == "ipv4") {
    family.Read("igmp_version", options.version, {1, 3});
    if (options.version == 2) response_max = 25500ms;
  } else {
    family.Read("mld_version", options.version, {1, 2});
    if (options.version == 1) response_max = 65535ms;
  }
  const bool own = family.Has("query_response_interval") || family.Has("query_interval");
  Check(own ? family : table, options, response_max);
  family.RejectUnknown();
}

void ReadRanges(ConfigTable& table, std::vector<GroupRange>& ranges) {
  std::vector<std::string> texts;
  if (!table.Read("ssm_ranges", texts)) return;
  ranges.clear();
  for (const std::string& text : texts) {
    if (const auto range = GroupRange::Parse(text)) {
      ranges.push_back(*range);
    } else {
      table.Fault("ssm_ranges", fmt::format("\"{}\" is no block of groups", text));
    }
  }
}

void ReadMapping(ConfigTable& table, std::vector<SsmMapping>& mapping) {
  if (table.Has("ssm_mapping")) mapping.clear();
  for (ConfigTable& row : table.Tables("ssm_mapping")) {
    std::string groups;
    std::string source;
    row.Read("groups", groups);
    row.Read("source", source);
    row.RejectUnknown();
    const auto range = GroupRange::Parse(groups);
    const auto address = IpAddress::Parse(source);
    if (!range) {
      row.Fault("groups", "must be a block of groups, such as \"232.1.0.0/16\"");
    } else if (!address || address->IsMulticast() || address->IsUnspecified() ||
               address->family() != range->address.family()) {
      row.Fault("source", "must be a unicast address of the groups' family");
    } else {
      mapping.push_back({*range, *address});
    }
  }
}

void ReadTable(ConfigTable& table, TableOptions& options) {
  table.Read("groups_max", options.groups_max, {1, 10'000'000});
  table.Read("members_per_group_max", options.members_per_group_max, {1, 1'000'000});
  table.Read("sources_per_group_max", options.sources_per_group_max, {1, 4096});
  table.Read("entries_max", options.entries_max, {1, 100'000'000});
  table.Read("records_per_second_max", options.records_per_second_max, {1, 10'000'000});
  table.Read("immediate_leave", options.immediate_leave);
  ReadRanges(table, options.ssm_ranges);
  ReadMapping(table, options.ssm_mapping);
}

void ReadObserve(ConfigTable& table, Options& options) {
  std::string text;
  if (!table.Read("observe", text)) return;
  if (text == "reports") {
    options.observe = Observe::kReports;
  } else if (text == "mdb") {
    options.observe = Observe::kMdb;
  } else {
    table.Fault("observe", "must be \"reports\" or \"mdb\"");
  }
}

void ReadLink(ConfigTable& table, Options& options) {
  ReadObserve(table, options);
  ReadQuerier(table, {&options.ipv4, &options.ipv6});
  table.Read("ipv6_wait", options.ipv6_wait, {0ms, 60s});
  ReadTable(table, options.table);
  ReadFamily(table, "ipv4", options.ipv4);
  ReadFamily(table, "ipv6", options.ipv6);
}

}  // namespace

void ReadOptions(ConfigTable& table, const std::vector<std::string>& links,
                 WatcherOptions& options) {
  ReadLink(table, options.common);
  ConfigTable own = table.Table("links");
  for (const std::string& link : own.Keys()) {
    if (std::find(links.begin(), links.end(), link) == links.end()) {
      own.Fault(link, "is no link of [legs]");
    }
    ConfigTable of_link = own.Table(link);
    ReadLink(of_link, options.links[link] = options.common);
    of_link.RejectUnknown();
  }
}

}  // namespace headwater::membership
