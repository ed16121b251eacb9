#include "services/common/net/ip_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace headwater {
namespace {

struct Prefix {
  uint32_t base;
  int length;
};

// What is not reachable from the public Internet: IANA special-purpose registry (RFC 6890),
// multicast and the reserved top.
constexpr Prefix kNotPublicV4[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
    {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
    {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 3},
};

bool IsPublicV4(uint32_t address) {
  return std::none_of(std::begin(kNotPublicV4), std::end(kNotPublicV4), [&](const Prefix& prefix) {
    return ((address ^ prefix.base) >> (32 - prefix.length)) == 0;
  });
}

uint32_t ReadU32(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
}

bool IsPublicV6(const std::array<uint8_t, 16>& bytes) {
  const uint32_t top = ReadU32(bytes.data());
  // 64:ff9b::/96 (NAT64) and 2002::/16 (6to4) carry an IPv4 address that counts instead.
  if (top == 0x0064ff9b)
    return ReadU32(&bytes[4]) == 0 && ReadU32(&bytes[8]) == 0 && IsPublicV4(ReadU32(&bytes[12]));
  if (top >> 16 == 0x2002) return IsPublicV4(ReadU32(&bytes[2]));
  // Only 2000::/3 is global unicast; within it 2001::/23 (Teredo, ORCHID, ...), documentation
  // 2001:db8::/32 and 3fff::/20 are not for us.
  if (top >> 29 != 1) return false;
  return top >> 9 != 0x20010000u >> 9 && top != 0x20010db8 && top >> 12 != 0x3fff0000u >> 12;
}

}  // namespace

IpAddress IpAddress::V4(std::array<uint8_t, 4> bytes) {
  IpAddress address;
  address.family_ = Family::kIpv4;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::V4(uint32_t host_order) {
  return V4({static_cast<uint8_t>(host_order >> 24), static_cast<uint8_t>(host_order >> 16),
             static_cast<uint8_t>(host_order >> 8), static_cast<uint8_t>(host_order)});
}

IpAddress IpAddress::V6(std::array<uint8_t, 16> bytes) {
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

std::optional<IpAddress> IpAddress::FromBytes(Bytes bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  IpAddress address;
  address.family_ = bytes.size() == 4 ? Family::kIpv4 : Family::kIpv6;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
  std::copy(text.begin(), text.end(), buffer);
  buffer[text.size()] = '\0';
  if (std::strlen(buffer) != text.size()) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET, buffer, address.bytes_.data()) == 1) {
    address.family_ = Family::kIpv4;
    return address;
  }
  address.bytes_ = {};
  if (inet_pton(AF_INET6, buffer, address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::FromSockaddr(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return V4(ntohl(v4->sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return FromBytes(Bytes(v6->sin6_addr.s6_addr, 16));
  }
  return std::nullopt;
}

uint32_t IpAddress::low32() const { return ReadU32(is_v4() ? &bytes_[0] : &bytes_[12]); }

bool IpAddress::IsMulticast() const { return is_v4() ? bytes_[0] >> 4 == 0xe : bytes_[0] == 0xff; }

bool IpAddress::IsUnspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t byte) { return byte == 0; });
}

bool IpAddress::IsLoopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](uint8_t byte) { return byte == 0; }) &&
         bytes_[15] == 1;
}

bool IpAddress::IsLinkLocal() const {
  if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xfe && bytes_[1] >> 6 == 2;
}

bool IpAddress::IsPublic() const { return is_v4() ? IsPublicV4(low32()) : IsPublicV6(bytes_); }

bool IpAddress::IsSsmGroup() const {
  if (is_v4()) return bytes_[0] == 232;
  return bytes_[0] == 0xff && bytes_[1] >> 4 == 3 && bytes_[2] == 0 && bytes_[3] == 0;
}

uint8_t IpAddress::MulticastScope() const {
  return is_v6() && IsMulticast() ? static_cast<uint8_t>(bytes_[1] & 0xf) : uint8_t{0};
}

std::string IpAddress::ToString() const {
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
  return buffer;
}

std::string Endpoint::ToString() const {
  return address.is_v4() ? fmt::format("{}:{}", address.ToString(), port)
                         : fmt::format("[{}]:{}", address.ToString(), port);
}

socklen_t ToSockaddr(const Endpoint& endpoint, uint32_t scope, sockaddr_storage& out) {
  out = {};
  const Bytes bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t*>(&v4->sin_addr));
    return sizeof *v4;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(endpoint.port);
  v6->sin6_scope_id = scope;
  std::copy(bytes.begin(), bytes.end(), v6->sin6_addr.s6_addr);
  return sizeof *v6;
}

std::string Channel::ToString() const {
  return source ? source->ToString() + "@" + group.ToString() : group.ToString();
}

}  // namespace headwater
