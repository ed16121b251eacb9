#include "services/session-manager/sender.h"

#include <algorithm>

namespace headwater::session_manager {

bool Sender::HasLegUp(const std::string& link) const {
  return std::any_of(legs.begin(), legs.end(),
                     [&](const Leg& leg) { return leg.link == link && leg.up; });
}

std::optional<IpAddress> Sender::ServiceAddress(const std::string& link,
                                                IpAddress::Family family) const {
  for (const Leg& leg : legs) {
    if (leg.link != link) continue;
    return family == IpAddress::Family::kIpv4 ? leg.service_address_ipv4 : leg.service_address_ipv6;
  }
  return std::nullopt;
}

uint8_t HopLimitByScope(const IpAddress& group) {
  constexpr uint8_t kLink = 1, kSite = 16, kOrganisation = 32, kGlobal = 64;
  if (group.is_v6()) {
    const uint8_t scope = group.MulticastScope();
    if (scope <= 2) return kLink;
    if (scope <= 5) return kSite;
    return scope <= 8 ? kOrganisation : kGlobal;
  }
  const uint32_t address = group.low32();
  if ((address & 0xffffff00) == 0xe0000000) return kLink;          // 224.0.0/24
  if ((address & 0xffff0000) == 0xefff0000) return kSite;          // 239.255/16
  if ((address & 0xff000000) == 0xef000000) return kOrganisation;  // 239/8
  return kGlobal;
}

}  // namespace headwater::session_manager
