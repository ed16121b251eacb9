#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"
#include "services/rtp-packager/rtp/rtp_types.h"

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

// Lets through UDP to `port` of any group, IPv4 and IPv6, and from others (not what this host sends
// or loops back to itself) UDP to `rtp_port` with one of `ssrcs` where RTP has it: classic BPF over
// the packet from its IP header on. So our own RTP, and that of strangers, costs nothing but the
// filter's run. SSRCs beyond kFilterSsrcsMax, the kernel's limit on a filter's length, are not
// looked for.
constexpr size_t kFilterSsrcsMax = 2000;
std::vector<sock_filter> GroupFilter(uint16_t port, uint16_t rtp_port,
                                     const std::vector<Ssrc>& ssrcs);

}  // namespace headwater::packager
