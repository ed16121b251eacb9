#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/mdns-zone-proxy/options.h"

namespace headwater::zone {

// "192.0.2.5 . tcp . 631" of a set of type ipv4_addr . inet_proto . inet_service, or ipv6_addr.
struct FirewallElement {
  IpAddress address;
  bool tcp = true;
  uint16_t port = 0;
  auto operator<=>(const FirewallElement&) const = default;
};

// Elements by set; a set's name ends with its family, "printers4". Sets without elements are there
// as well, since they are to be emptied.
using FirewallSets = std::map<NftSet, std::set<FirewallElement>>;

// The set of that family.
NftSet SetFor(const NftSet& set, IpAddress::Family family);

// What takes a firewall from one state to another: a script for nft, which it runs as a whole or
// not at all. A set that is not in `installed` is emptied first: nobody knows what is in it. Empty:
// nothing is to be done.
std::string FirewallScript(const FirewallSets& installed, const FirewallSets& wanted);

}  // namespace headwater::zone
