#pragma once

#include <cstddef>

#include "services/common/time/mono_time.h"

namespace headwater::membership {

// Querier of RFC 9777 section 9 and RFC 9776 section 8, both families alike.
struct QuerierOptions {
  // 1 to 7.
  int robustness = 2;
  Duration query_interval = 125s;
  // Less than the query interval.
  Duration query_response_interval = 10s;
  // Last listener / last member query interval.
  Duration last_member_query_interval = 1s;
  // 0: the robustness.
  int last_member_query_count = 0;
  // 0: a quarter of the query interval.
  Duration startup_query_interval = 0s;
  // 0: the robustness.
  int startup_query_count = 0;
  // Asked for in startup queries: short, because nothing is known until it has passed.
  Duration startup_response_interval = 1s;
  // Time for the last answers to arrive before a link counts as synced.
  Duration synced_margin = 250ms;
  // How long after it came up a link without an IPv6 link-local address (duplicate address
  // detection) is waited for before IPv4 alone counts as all.
  Duration ipv6_wait = 3s;
};

// Bounds of what packets can make us store. At a limit new state is refused and counted, old state
// lives on.
struct TableOptions {
  // Per link.
  size_t groups_max = 100'000;
  size_t members_per_group_max = 4096;
  size_t sources_per_group_max = 256;
  // Members, their sources and the groups' sources, all together, per link: some 64 bytes each.
  size_t entries_max = 1'000'000;
  // Ends a group at once when its last tracked member leaves, without waiting for the answer to a
  // last-listener query; see GroupState for when the tracking is trusted.
  bool immediate_leave = true;
};

struct Options {
  QuerierOptions querier;
  TableOptions table;
};

}  // namespace headwater::membership
