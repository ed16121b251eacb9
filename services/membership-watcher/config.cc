#include "services/membership-watcher/config.h"

namespace headwater::membership {
namespace {

// Longer times are not what a code in a query can say (RFC 9777 sections 5.1.3 and 5.1.9).
constexpr Duration kIntervalMax = 31744s;
constexpr Duration kResponseMax = 3174s;

void ReadQuerier(ConfigTable& table, QuerierOptions& options) {
  table.Read("robustness", options.robustness, {1, 7});
  table.Read("query_interval", options.query_interval, {1s, kIntervalMax});
  table.Read("query_response_interval", options.query_response_interval, {100ms, kResponseMax});
  table.Read("last_member_query_interval", options.last_member_query_interval,
             {100ms, kResponseMax});
  table.Read("last_member_query_count", options.last_member_query_count, {1, 7});
  table.Read("startup_query_interval", options.startup_query_interval, {100ms, kIntervalMax});
  table.Read("startup_query_count", options.startup_query_count, {1, 7});
  table.Read("startup_response_interval", options.startup_response_interval, {100ms, kResponseMax});
  table.Read("synced_margin", options.synced_margin, {0ms, 10s});
  table.Read("ipv6_wait", options.ipv6_wait, {0ms, 60s});
  if (options.query_response_interval >= options.query_interval) {
    table.Fault("query_response_interval",
                "must be less than query_interval (RFC 9777 section 9.3)");
  }
}

void ReadTable(ConfigTable& table, TableOptions& options) {
  table.Read("groups_max", options.groups_max, {1, 10'000'000});
  table.Read("members_per_group_max", options.members_per_group_max, {1, 1'000'000});
  table.Read("sources_per_group_max", options.sources_per_group_max, {1, 4096});
  table.Read("entries_max", options.entries_max, {1, 100'000'000});
  table.Read("immediate_leave", options.immediate_leave);
}

}  // namespace

void ReadOptions(ConfigTable& table, Options& options) {
  ReadQuerier(table, options.querier);
  ReadTable(table, options.table);
}

}  // namespace headwater::membership
