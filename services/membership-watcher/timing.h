#pragma once

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"

namespace headwater::membership {

// The timer values in force for one family on one link: our own while we are querier, else partly
// the querier's.
struct Timing {
  // Multicast Address Listening Interval, Group Membership Interval.
  Duration membership_interval = 270s;
  // Last Listener / Last Member Query Interval and Count.
  Duration last_member_interval = 1s;
  int last_member_count = 2;
  // Older Version Host Present Interval.
  Duration older_host_interval = 260s;
  // We send specific queries and lower timers at a leave; others do it when they hear the
  // querier's.
  bool querier = false;
  // Every host has had the time to tell what it listens to.
  bool complete = false;
  // Reports of older versions count.
  bool older_reports = true;
  // Leaves count; not where we ask as an IGMPv1 router does (RFC 9776 section 7.3.1).
  bool leaves = true;

  // Last Listener / Last Member Query Time.
  Duration last_member_time() const { return last_member_interval * last_member_count; }
};

struct Timings {
  Timing ipv4;
  Timing ipv6;

  const Timing& For(const IpAddress& group) const { return group.is_v4() ? ipv4 : ipv6; }
};

}  // namespace headwater::membership
