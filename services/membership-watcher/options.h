#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/time/mono_time.h"
#include "services/membership-watcher/group_range.h"

namespace headwater::membership {

// Who asks on a link.
enum class QuerierRole : uint8_t {
  kAuto,    // the router with the lowest address
  kAlways,  // we, whoever else does
  kNever,   // others; we listen
};

// Where what is known of a link's listeners comes from.
enum class Observe : uint8_t {
  kReports,  // what is heard on the wire
  kMdb,      // the multicast database of the kernel's bridge that the interface is
};

// One family on one link: RFC 9777 section 9, RFC 9776 section 8.
struct QuerierOptions {
  QuerierRole role = QuerierRole::kAuto;
  // In which queries are sent: MLD 1 or 2, IGMP 1 to 3. An older one is for links whose other
  // routers know no newer (RFC 9777 section 8.3.1, RFC 9776 section 7.3.1).
  int version = 0;  // 0: the newest
  // Whether messages of older versions count. Without them a link is for SSM alone.
  bool compatibility = true;
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
  // Asked for in startup queries: short, because nothing is known until it has passed. RFC 9777
  // section 9.14.3 leaves the delay of each single query to the router.
  Duration startup_response_interval = 1s;
  // At least so often a router advertises itself to snooping switches (RFC 4286); 0: never.
  Duration advertisement_interval = 20s;
  // Time for the last answers to arrive before a link counts as synced.
  Duration synced_margin = 250ms;

  Duration startup_interval() const {
    return startup_query_interval > 0s ? startup_query_interval : query_interval / 4;
  }
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
  // Of one host. Beyond it a record may keep alive what is known and change nothing.
  uint32_t records_per_second_max = 20'000;
  // Ends a group at once when its last tracked member leaves, without waiting for the answer to a
  // last-listener query; see GroupState for when the tracking is trusted.
  bool immediate_leave = true;
  std::vector<GroupRange> ssm_ranges = DefaultSsmRanges();
  // The first that contains the group counts.
  std::vector<SsmMapping> ssm_mapping;
};

// Of one link.
struct Options {
  // With kMdb the bridge asks and hears; of the queriers' options only those count that tell how
  // long a link that came up is warming: startup_interval, query_response_interval, synced_margin.
  Observe observe = Observe::kReports;
  QuerierOptions ipv4;
  QuerierOptions ipv6;
  TableOptions table;
  // How long after it came up a link without an IPv6 link-local address (duplicate address
  // detection) is waited for before IPv4 alone counts as all.
  Duration ipv6_wait = 3s;
};

}  // namespace headwater::membership
