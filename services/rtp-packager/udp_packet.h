#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"

namespace headwater::packager {

// A UDP datagram to a group, as a packet socket saw it.
struct UdpPacketView {
  IpAddress from;
  IpAddress group;
  uint16_t port = 0;
  // Points into the parsed bytes.
  Bytes payload;
};

// From the IP header on. Nothing for anything else: another protocol, a fragment, IPv6 extension
// headers (receiver reports have none), a unicast destination, lengths that do not fit, a wrong
// checksum (unless the sender left it to hardware: `checksum_unfilled`). Pure.
std::optional<UdpPacketView> ParseUdpPacket(Bytes bytes, bool checksum_unfilled);

// Lets through UDP to `port` of any group, IPv4 and IPv6: classic BPF over the packet from its IP
// header on.
std::vector<sock_filter> GroupPortFilter(uint16_t port);

}  // namespace headwater::packager
