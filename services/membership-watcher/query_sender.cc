#include "services/membership-watcher/query_sender.h"

#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"

namespace headwater::membership {
namespace {

// IP precedence "internetwork control" (RFC 9776 section 4).
constexpr int kIgmpTos = 0xc0;
constexpr uint32_t kAllIgmpV3Routers = 0xe0000016;
constexpr std::array<uint8_t, 16> kAllMldV2Routers = {0xff, 2, 0, 0, 0, 0, 0, 0,
                                                      0,    0, 0, 0, 0, 0, 0, 0x16};
// RFC 2113 and RFC 2711; the latter with its hop-by-hop header, whose next header the kernel fills
// in.
constexpr std::array<uint8_t, 4> kRouterAlertIpv4 = {0x94, 0x04, 0x00, 0x00};
constexpr std::array<uint8_t, 8> kRouterAlertIpv6 = {0, 0, 0x05, 0x02, 0x00, 0x00, 0x01, 0x00};

absl::Status SocketError(const char* what) {
  const std::string text = fmt::format("query socket: {}: {}", what, std::strerror(errno));
  return errno == EPERM || errno == EACCES
             ? absl::PermissionDeniedError(ToAbsl(text + " (CAP_NET_RAW is needed at start)"))
             : absl::UnavailableError(ToAbsl(text));
}

template <typename T>
absl::Status SetOption(int fd, int level, int option, const T& value, const char* name) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0 ? absl::OkStatus()
                                                                  : SocketError(name);
}

// Raw sockets would be given every packet of their protocol; the packet socket is where we listen.
absl::Status ReceiveNothing(int fd) {
  sock_filter none = {BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program = {1, &none};
  return SetOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, "filter");
}

template <typename Request>
absl::Status Join(int fd, int level, int option, const Request& request) {
  if (setsockopt(fd, level, option, &request, sizeof request) == 0) return absl::OkStatus();
  return errno == EADDRINUSE ? absl::OkStatus() : SocketError("join as a router");
}

template <typename Info>
void PutControl(msghdr& header, int level, int type, const Info& info) {
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(part), &info, sizeof info);
  header.msg_controllen = CMSG_SPACE(sizeof info);
}

}  // namespace

absl::StatusOr<std::unique_ptr<QuerySender>> QuerySender::Open() {
  std::unique_ptr<QuerySender> sender(new QuerySender());
  RETURN_IF_ERROR(sender->OpenIpv4());
  RETURN_IF_ERROR(sender->OpenIpv6());
  return sender;
}

QuerySender::~QuerySender() {
  if (ipv4_fd_ >= 0) close(ipv4_fd_);
  if (ipv6_fd_ >= 0) close(ipv6_fd_);
}

absl::Status QuerySender::OpenIpv4() {
  ipv4_fd_ = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_IGMP);
  if (ipv4_fd_ < 0) return SocketError("open for IPv4");
  RETURN_IF_ERROR(ReceiveNothing(ipv4_fd_));
  RETURN_IF_ERROR(SetOption(ipv4_fd_, IPPROTO_IP, IP_OPTIONS, kRouterAlertIpv4, "IP_OPTIONS"));
  RETURN_IF_ERROR(SetOption(ipv4_fd_, IPPROTO_IP, IP_MULTICAST_TTL, 1, "IP_MULTICAST_TTL"));
  RETURN_IF_ERROR(SetOption(ipv4_fd_, IPPROTO_IP, IP_MULTICAST_LOOP, 1, "IP_MULTICAST_LOOP"));
  return SetOption(ipv4_fd_, IPPROTO_IP, IP_TOS, kIgmpTos, "IP_TOS");
}

absl::Status QuerySender::OpenIpv6() {
  ipv6_fd_ = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
  if (ipv6_fd_ < 0) return errno == EAFNOSUPPORT ? absl::OkStatus() : SocketError("open for IPv6");
  RETURN_IF_ERROR(ReceiveNothing(ipv6_fd_));
  // For the socket and not for each message: that would need the privilege again.
  RETURN_IF_ERROR(
      SetOption(ipv6_fd_, IPPROTO_IPV6, IPV6_HOPOPTS, kRouterAlertIpv6, "IPV6_HOPOPTS"));
  RETURN_IF_ERROR(SetOption(ipv6_fd_, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, "IPV6_MULTICAST_HOPS"));
  return SetOption(ipv6_fd_, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, "IPV6_MULTICAST_LOOP");
}

absl::Status QuerySender::JoinAsRouter(uint32_t ifindex) {
  ip_mreqn ipv4 = {};
  ipv4.imr_multiaddr.s_addr = htonl(kAllIgmpV3Routers);
  ipv4.imr_ifindex = static_cast<int>(ifindex);
  ipv6_mreq ipv6 = {};
  std::copy(kAllMldV2Routers.begin(), kAllMldV2Routers.end(), ipv6.ipv6mr_multiaddr.s6_addr);
  ipv6.ipv6mr_interface = ifindex;
  const absl::Status joined = Join(ipv4_fd_, IPPROTO_IP, IP_ADD_MEMBERSHIP, ipv4);
  if (ipv6_fd_ < 0) return joined;
  const absl::Status joined6 = Join(ipv6_fd_, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, ipv6);
  return joined.ok() ? joined6 : joined;
}

absl::Status QuerySender::Send(const SendQuery& query, uint32_t ifindex) {
  sockaddr_storage to;
  alignas(cmsghdr) char control[64] = {};
  iovec vector = {const_cast<uint8_t*>(query.message.data()), query.message.size()};
  msghdr header = {};
  header.msg_name = &to;
  header.msg_namelen = ToSockaddr({query.to, 0}, ifindex, to);
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const Bytes from = query.from.bytes();
  if (query.from.is_v4()) {
    in_pktinfo info = {};
    info.ipi_ifindex = static_cast<int>(ifindex);
    std::copy(from.begin(), from.end(), reinterpret_cast<uint8_t*>(&info.ipi_spec_dst));
    PutControl(header, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info = {};
    info.ipi6_ifindex = ifindex;
    std::copy(from.begin(), from.end(), info.ipi6_addr.s6_addr);
    PutControl(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  if (sendmsg(query.from.is_v4() ? ipv4_fd_ : ipv6_fd_, &header, 0) >= 0) return absl::OkStatus();
  return absl::UnavailableError(ToAbsl(fmt::format("query from {} to {}: {}", query.from.ToString(),
                                                   query.to.ToString(), std::strerror(errno))));
}

}  // namespace headwater::membership
