#pragma once

#include <cstdint>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"
#include "services/membership-watcher/wire/membership_message.h"

namespace headwater::membership {

// A row of a bridge's multicast database: what one of its ports wants of one group, as rtnetlink
// tells it (linux/if_bridge.h, MDBA_MDB_ENTRY_INFO).
struct MdbRow {
  uint32_t bridge = 0;
  uint32_t port = 0;  // the bridge itself: a listener on its own host
  uint16_t vlan = 0;
  // IS_EX with the refused sources, or IS_IN with the wanted ones; a bridge that speaks IGMPv2 or
  // MLDv1 tells no sources, and means all.
  Record record;
  // A row for a source and a group. The bridge derives such rows from its others, for forwarding;
  // what an administrator has put there is not derived.
  bool of_source = false;
  bool derived = false;

  bool operator==(const MdbRow&) const = default;
};

// Appends the rows of one RTM_NEWMDB, RTM_DELMDB or RTM_GETMDB message, from its struct br_port_msg
// on. False when it contradicts its own lengths; rows before that are kept. Rows of link-layer
// groups are left out. Bounded by the message.
bool DecodeMdb(Bytes message, std::vector<MdbRow>& out);

// What a port wants, as a report from it: INCLUDE of nothing is none. Its address tells port and
// VLAN, `::VLAN:0:PORT` (each as a number), since a bridge does not say which host it has heard.
struct PortReport {
  IpAddress port;
  Record record;

  bool operator==(const PortReport&) const = default;
};
IpAddress PortAddress(uint32_t port, uint16_t vlan);

// The rows of one bridge, put together: one report for each port and group, ascending by them.
std::vector<PortReport> Merge(const std::vector<MdbRow>& rows, uint32_t bridge);

}  // namespace headwater::membership
