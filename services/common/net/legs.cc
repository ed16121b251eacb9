#include "services/common/net/legs.h"

#include <algorithm>

namespace headwater {
namespace {

// Lower is better. A global address beats a link-local one; a lasting one beats one that will go
// (RFC 6724 in spirit, with stability first).
int Rank(const InterfaceAddress& address) {
  return (address.address.IsLinkLocal() ? 4 : 0) + (address.deprecated ? 2 : 0) +
         (address.temporary ? 1 : 0);
}

std::optional<IpAddress> ChooseService(const std::vector<InterfaceAddress>& addresses,
                                       IpAddress::Family family,
                                       const std::optional<IpAddress>& before) {
  const InterfaceAddress* best = nullptr;
  for (const InterfaceAddress& address : addresses) {
    if (address.address.family() != family || !address.usable || address.address.IsLoopback())
      continue;
    if (before == address.address) return before;
    if (best == nullptr || Rank(address) < Rank(*best)) best = &address;
  }
  return best != nullptr ? std::optional(best->address) : std::nullopt;
}

}  // namespace

std::optional<IpAddress> Leg::ServiceAddress(const IpAddress& group) const {
  if (group.is_v4()) return service_ipv4;
  return group.MulticastScope() <= 2 ? link_local : service_ipv6;
}

Leg ChooseLeg(const LegConfig& config, const InterfaceState* interface, const Leg* before) {
  Leg leg{.link = config.link, .interface = config.interface};
  if (interface == nullptr) return leg;
  leg.ifindex = interface->index;
  leg.up = interface->up;
  leg.mtu = interface->mtu;
  for (const InterfaceAddress& address : interface->addresses) {
    leg.addresses.push_back(address.address);
    if (!leg.link_local && address.usable && address.address.is_v6() &&
        address.address.IsLinkLocal()) {
      leg.link_local = address.address;
    }
  }
  using Family = IpAddress::Family;
  leg.service_ipv4 = config.service_ipv4
                         ? config.service_ipv4
                         : ChooseService(interface->addresses, Family::kIpv4,
                                         before ? before->service_ipv4 : std::nullopt);
  leg.service_ipv6 = config.service_ipv6
                         ? config.service_ipv6
                         : ChooseService(interface->addresses, Family::kIpv6,
                                         before ? before->service_ipv6 : std::nullopt);
  return leg;
}

}  // namespace headwater
