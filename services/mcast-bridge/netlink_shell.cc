#include "services/mcast-bridge/netlink_shell.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"

namespace headwater::bridge {
namespace {

// rtnetlink's protocols from 5 up are free for routing programs; none of iproute2's names has it.
constexpr uint8_t kOwnProtocol = 169;
// Before the kernel's multicast routes of each interface, which have 256.
constexpr uint32_t kUnreachableMetric = 1;

absl::Status NetlinkError(std::string_view what) {
  return absl::UnavailableError(ToAbsl(fmt::format("netlink: {}: {}", what, std::strerror(errno))));
}

// libmnl's own loop macro is C only.
template <typename Visit>
void ForEachAttribute(const nlattr* nest, Visit visit) {
  mnl_attr_parse_nested(
      nest,
      [](const nlattr* attribute, void* data) {
        (*static_cast<Visit*>(data))(attribute);
        return MNL_CB_OK;
      },
      &visit);
}

template <typename Visit>
void ForEachAttribute(const nlmsghdr* message, size_t header_size, Visit visit) {
  mnl_attr_parse(
      message, static_cast<unsigned>(header_size),
      [](const nlattr* attribute, void* data) {
        (*static_cast<Visit*>(data))(attribute);
        return MNL_CB_OK;
      },
      &visit);
}

// Sends and calls `visit` with each message of the answer; returns 0 or an errno.
template <typename Visit>
int Talk(nlmsghdr* message, Visit visit) {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return errno;
  int error = 0;
  message->nlmsg_seq = 1;
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
      mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) {
    error = errno;
  }
  std::array<char, 32768> buffer;
  for (int state = MNL_CB_OK; error == 0 && state > MNL_CB_STOP;) {
    const ssize_t size = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    state = size < 0
                ? MNL_CB_ERROR
                : mnl_cb_run(
                      buffer.data(), static_cast<size_t>(size), 1, mnl_socket_get_portid(socket),
                      [](const nlmsghdr* one, void* data) {
                        (*static_cast<Visit*>(data))(one);
                        return MNL_CB_OK;
                      },
                      &visit);
    if (state == MNL_CB_ERROR) error = errno;
  }
  mnl_socket_close(socket);
  errno = error;
  return error;
}

int Talk(nlmsghdr* message) {
  return Talk(message, [](const nlmsghdr*) {});
}

nlmsghdr* Begin(std::span<char> buffer, uint16_t type, uint16_t flags) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  return message;
}

std::optional<bool> SnoopingOf(const nlattr* link_info) {
  bool bridge = false;
  std::optional<bool> snooping;
  ForEachAttribute(link_info, [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
      bridge = std::string_view(mnl_attr_get_str(attribute)) == "bridge";
    if (mnl_attr_get_type(attribute) != IFLA_INFO_DATA || !bridge) return;
    ForEachAttribute(attribute, [&](const nlattr* one) {
      if (mnl_attr_get_type(one) == IFLA_BR_MCAST_SNOOPING) snooping = mnl_attr_get_u8(one) != 0;
    });
  });
  return snooping;
}

bool IsMulticastBlock(const rtmsg& route, Bytes destination) {
  if (destination.empty()) return false;
  return route.rtm_family == AF_INET ? route.rtm_dst_len >= 4 && (destination[0] & 0xf0) == 0xe0
                                     : route.rtm_dst_len >= 8 && destination[0] == 0xff;
}

// The message without what the kernel only tells, so that it can be sent back.
std::string Keep(const nlmsghdr* message, const rtmsg& route) {
  std::array<char, 4096> buffer;
  nlmsghdr* kept = mnl_nlmsg_put_header(buffer.data());
  auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(kept, sizeof(rtmsg)));
  *header = route;
  header->rtm_flags &= RTNH_F_ONLINK;
  ForEachAttribute(message, sizeof(rtmsg), [&](const nlattr* attribute) {
    const uint16_t size = mnl_attr_get_payload_len(attribute);
    if (mnl_attr_get_type(attribute) == RTA_CACHEINFO || kept->nlmsg_len + size + 8 > buffer.size())
      return;
    mnl_attr_put(kept, attribute->nla_type, size, mnl_attr_get_payload(attribute));
  });
  const auto* payload = static_cast<const char*>(mnl_nlmsg_get_payload(kept));
  return absl::BytesToHexString({payload, mnl_nlmsg_get_payload_len(kept)});
}

void ReadRoute(const nlmsghdr* message, MulticastRoutes& out) {
  const rtmsg& route = *static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  Bytes destination;
  uint32_t interface = 0;
  ForEachAttribute(message, sizeof route, [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) == RTA_DST) {
      destination = {static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)),
                     mnl_attr_get_payload_len(attribute)};
    }
    if (mnl_attr_get_type(attribute) == RTA_OIF) interface = mnl_attr_get_u32(attribute);
  });
  const bool v4 = route.rtm_family == AF_INET;
  if (!IsMulticastBlock(route, destination) || (route.rtm_flags & RTM_F_CLONED) != 0) return;
  if (route.rtm_type == RTN_UNREACHABLE) {
    const bool whole = route.rtm_dst_len == (v4 ? 4 : 8);
    const bool right = route.rtm_table == (v4 ? RT_TABLE_MAIN : RT_TABLE_LOCAL);
    if (whole && right) out.unreachable.emplace_back(kUnreachableRoutes[v4 ? 0 : 1]);
    return;
  }
  const bool table = route.rtm_table == RT_TABLE_MAIN || route.rtm_table == RT_TABLE_LOCAL;
  const bool type = route.rtm_type == RTN_UNICAST || route.rtm_type == RTN_MULTICAST;
  if (!table || !type || route.rtm_protocol == RTPROT_KERNEL || interface == 0) return;
  std::array<char, IF_NAMESIZE> name = {};
  if (if_indextoname(interface, name.data()) == nullptr) return;
  out.routes.push_back(
      {.is_v4 = v4,
       .text = fmt::format("{}/{} dev {}", IpAddress::FromBytes(destination)->ToString(),
                           route.rtm_dst_len, name.data()),
       .message = Keep(message, route)});
}

}  // namespace

absl::StatusOr<std::map<std::string, bool>> ReadSnooping() {
  std::array<char, 4096> buffer;
  nlmsghdr* message = Begin(buffer, RTM_GETLINK, NLM_F_DUMP);
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  std::map<std::string, bool> bridges;
  const int error = Talk(message, [&](const nlmsghdr* one) {
    std::string name;
    std::optional<bool> snooping;
    ForEachAttribute(one, sizeof(ifinfomsg), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) == IFLA_IFNAME) name = mnl_attr_get_str(attribute);
      if (mnl_attr_get_type(attribute) == IFLA_LINKINFO) snooping = SnoopingOf(attribute);
    });
    if (snooping) bridges[name] = *snooping;
  });
  if (error != 0) return NetlinkError("list of interfaces");
  return bridges;
}

absl::Status SetSnooping(const std::string& interface, bool on) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return absl::OkStatus();
  std::array<char, 4096> buffer;
  nlmsghdr* message = Begin(buffer, RTM_NEWLINK, NLM_F_ACK);
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_index = static_cast<int>(index);
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  mnl_attr_put_u8(message, IFLA_BR_MCAST_SNOOPING, on ? 1 : 0);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
  const int error = Talk(message);
  return error == 0 || error == ENODEV ? absl::OkStatus()
                                       : NetlinkError("snooping of " + interface);
}

absl::StatusOr<MulticastRoutes> ReadMulticastRoutes() {
  MulticastRoutes routes;
  for (const int family : {AF_INET, AF_INET6}) {
    std::array<char, 4096> buffer;
    nlmsghdr* message = Begin(buffer, RTM_GETROUTE, NLM_F_DUMP);
    auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
    route->rtm_family = static_cast<uint8_t>(family);
    const int error = Talk(message, [&](const nlmsghdr* one) { ReadRoute(one, routes); });
    if (error != 0) return NetlinkError("list of routes");
  }
  return routes;
}

absl::Status SetUnreachable(bool v4, bool wanted) {
  std::array<char, 4096> buffer;
  nlmsghdr* message = wanted ? Begin(buffer, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
                             : Begin(buffer, RTM_DELROUTE, NLM_F_ACK);
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  route->rtm_family = v4 ? AF_INET : AF_INET6;
  route->rtm_dst_len = v4 ? 4 : 8;
  route->rtm_table = v4 ? RT_TABLE_MAIN : RT_TABLE_LOCAL;
  route->rtm_type = RTN_UNREACHABLE;
  route->rtm_protocol = kOwnProtocol;
  std::array<uint8_t, 16> destination = {static_cast<uint8_t>(v4 ? 0xe0 : 0xff)};
  mnl_attr_put(message, RTA_DST, v4 ? 4 : 16, destination.data());
  if (!v4) mnl_attr_put_u32(message, RTA_PRIORITY, kUnreachableMetric);
  const int error = Talk(message);
  const bool so_already = error == (wanted ? EEXIST : ESRCH);
  return error == 0 || so_already ? absl::OkStatus() : NetlinkError(kUnreachableRoutes[v4 ? 0 : 1]);
}

absl::Status SetRoute(const std::string& message, bool wanted) {
  const std::string payload = absl::HexStringToBytes(message);
  std::array<char, 8192> buffer;
  if (payload.size() < sizeof(rtmsg) || payload.size() > buffer.size() / 2)
    return absl::InvalidArgumentError("no route in the journal");
  nlmsghdr* out = wanted ? Begin(buffer, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
                         : Begin(buffer, RTM_DELROUTE, NLM_F_ACK);
  std::memcpy(mnl_nlmsg_put_extra_header(out, payload.size()), payload.data(), payload.size());
  const int error = Talk(out);
  const bool so_already =
      wanted ? error == EEXIST || error == ENODEV || error == ENETDOWN : error == ESRCH;
  return error == 0 || so_already ? absl::OkStatus() : NetlinkError("a multicast route");
}

}  // namespace headwater::bridge
