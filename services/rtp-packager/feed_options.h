#pragma once

#include <cstdint>

#include "services/common/net/ip_address.h"

namespace headwater::packager {

// Where feeds are awaited.
struct FeedOptions {
  // Of the fabric; the tuner sends to it. IPv4 or IPv6, of this host.
  IpAddress address = *IpAddress::Parse("::1");
  // Both 0: the kernel chooses. Otherwise there are as many feeds as ports at most.
  uint16_t port_first = 0;
  uint16_t port_last = 0;

  bool operator==(const FeedOptions&) const = default;
};

}  // namespace headwater::packager
