#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"

namespace headwater {

// Configuration of a leg: a link's interface in this network namespace. A service address may be
// given by hand (it then may stand on the loopback, as with several senders); otherwise
// it is chosen from the interface's own addresses.
struct LegConfig {
  std::string link;
  std::string interface;
  std::optional<IpAddress> service_ipv4;
  std::optional<IpAddress> service_ipv6;
  bool operator==(const LegConfig&) const = default;
};

// An address on an interface, as netlink tells it.
struct InterfaceAddress {
  IpAddress address;
  // Neither tentative nor failed in duplicate address detection: it can be sent from.
  bool usable = true;
  bool deprecated = false;
  bool temporary = false;
  auto operator<=>(const InterfaceAddress&) const = default;
};

// An interface, as netlink tells it.
struct InterfaceState {
  uint32_t index = 0;
  bool up = false;
  uint32_t mtu = 0;
  std::vector<InterfaceAddress> addresses;
  bool operator==(const InterfaceState&) const = default;
};

// A leg as it is now.
struct Leg {
  std::string link;
  std::string interface;
  // 0 when there is no such interface.
  uint32_t ifindex = 0;
  bool up = false;
  uint32_t mtu = 0;
  std::vector<IpAddress> addresses;
  // Source of an MLD querier (RFC 9777 section 5.1.14); empty while the interface has none.
  std::optional<IpAddress> link_local;
  std::optional<IpAddress> service_ipv4;
  std::optional<IpAddress> service_ipv6;
  bool operator==(const Leg&) const = default;

  // What is sent from to `group`: the family's service address; for IPv6 groups of interface or
  // link scope the link-local one.
  std::optional<IpAddress> ServiceAddress(const IpAddress& group) const;
};

// Chooses a leg's state from its configuration, the interface (null: not there) and its state
// before. The service address is sticky: once chosen it is kept while the interface has it, because
// a session's listeners hear that address alone. Pure.
Leg ChooseLeg(const LegConfig& config, const InterfaceState* interface, const Leg* before);

}  // namespace headwater
