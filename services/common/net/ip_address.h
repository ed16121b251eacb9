#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "services/common/base/bytes.h"

namespace headwater {

// An IPv4 or IPv6 address, without zone. A value: ordered, hashable, 17 bytes. The default is the
// IPv6 unspecified address.
class IpAddress {
 public:
  enum class Family : uint8_t { kIpv4, kIpv6 };

  constexpr IpAddress() = default;
  static IpAddress V4(std::array<uint8_t, 4> bytes);
  static IpAddress V4(uint32_t host_order);
  static IpAddress V6(std::array<uint8_t, 16> bytes);
  // 4 or 16 bytes in network order; nothing else is an address.
  static std::optional<IpAddress> FromBytes(Bytes bytes);
  // Text without zone or brackets: "192.0.2.1", "ff3e::1". Nothing for any other text.
  static std::optional<IpAddress> Parse(std::string_view text);
  static std::optional<IpAddress> FromSockaddr(const sockaddr* address);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::kIpv4; }
  bool is_v6() const { return family_ == Family::kIpv6; }
  // Network order, 4 or 16 bytes; valid as long as this address.
  Bytes bytes() const { return Bytes(bytes_).first(is_v4() ? 4 : 16); }
  // The last 32 bits in host order: the whole address for IPv4, the service number of one of our
  // IPv6 groups.
  uint32_t low32() const;

  bool IsMulticast() const;
  bool IsUnspecified() const;
  bool IsLoopback() const;
  // 169.254/16, fe80::/10.
  bool IsLinkLocal() const;
  // Reachable on the public Internet by address alone: not private, shared, loopback, link-local,
  // multicast, documentation, reserved, nor an IPv6 form that embeds such an IPv4 address.
  bool IsPublic() const;
  // 232/8, ff3x::/32 (RFC 4607).
  bool IsSsmGroup() const;
  // Low four bits of the second byte of an IPv6 group; 0 for anything else (RFC 4291 section 2.7).
  uint8_t MulticastScope() const;

  // Canonical text (RFC 5952).
  std::string ToString() const;

  auto operator<=>(const IpAddress&) const = default;

  template <typename H>
  friend H AbslHashValue(H state, const IpAddress& address) {
    return H::combine(std::move(state), address.family_, address.bytes_);
  }

 private:
  Family family_ = Family::kIpv6;
  std::array<uint8_t, 16> bytes_ = {};
};

// An address and a UDP or TCP port.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  // "192.0.2.1:80", "[2001:db8::1]:80".
  std::string ToString() const;
  auto operator<=>(const Endpoint&) const = default;
};

// Fills a sockaddr for the kernel; returns its length. `scope` is an interface index, needed for
// link-local IPv6 and harmless elsewhere.
socklen_t ToSockaddr(const Endpoint& endpoint, uint32_t scope, sockaddr_storage& out);

// A group, or with SSM a channel (S,G): the key of a session. `source` is empty for any source.
struct Channel {
  IpAddress group;
  std::optional<IpAddress> source;

  // "ff3e::8000:1" or "2001:db8::1@ff3e::8000:1".
  std::string ToString() const;
  auto operator<=>(const Channel&) const = default;

  template <typename H>
  friend H AbslHashValue(H state, const Channel& channel) {
    state = H::combine(std::move(state), channel.group, channel.source.has_value());
    return channel.source ? H::combine(std::move(state), *channel.source) : std::move(state);
  }
};

}  // namespace headwater
