#include "services/mcast-monitor/port_socket_shell.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/wire/byte_writer.h"
#include "services/common/wire/checksum.h"

namespace headwater::monitor {
namespace {

#ifndef IPV6_MULTICAST_ALL  // Linux 4.20; not in glibc's header
#define IPV6_MULTICAST_ALL 29
#endif

constexpr size_t kBatch = 64;
// The largest UDP payload is a little less.
constexpr size_t kDatagramMax = 65536;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kHopLimit = 64;

absl::Status Failed(const std::string& what) {
  const std::string text = fmt::format("{}: {}", what, std::strerror(errno));
  return errno == EACCES || errno == EPERM ? absl::PermissionDeniedError(ToAbsl(text))
                                           : absl::UnavailableError(ToAbsl(text));
}

bool Set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

union ControlBuffer {
  char bytes[256];
  cmsghdr align;
};

// Interface and source of a datagram to be sent.
size_t PutPacketInfo(msghdr& message, ControlBuffer& control, const IpAddress& from,
                     uint32_t ifindex) {
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (from.is_v4()) {
    in_pktinfo info = {};
    info.ipi_ifindex = static_cast<int>(ifindex);
    std::memcpy(&info.ipi_spec_dst, from.bytes().data(), 4);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
  }
  in6_pktinfo info = {};
  info.ipi6_ifindex = ifindex;
  std::memcpy(&info.ipi6_addr, from.bytes().data(), 16);
  header->cmsg_level = IPPROTO_IPV6;
  header->cmsg_type = IPV6_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
  return CMSG_SPACE(sizeof info);
}

bool SendTo(int fd, Bytes bytes, const IpAddress& from, const Endpoint& to, uint32_t ifindex) {
  sockaddr_storage address;
  iovec vector = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  ControlBuffer control = {};
  msghdr message = {};
  message.msg_name = &address;
  message.msg_namelen = ToSockaddr(to, ifindex, address);
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_controllen = PutPacketInfo(message, control, from, ifindex);
  return sendmsg(fd, &message, MSG_DONTWAIT) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

struct PortSocket::Buffers {
  std::array<mmsghdr, kBatch> messages = {};
  std::array<iovec, kBatch> vectors = {};
  std::array<sockaddr_storage, kBatch> names = {};
  std::array<ControlBuffer, kBatch> controls = {};
  // Pages of it are touched only by datagrams that need them.
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kBatch * kDatagramMax);

  void Reset(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      vectors[i] = {bytes.data() + i * kDatagramMax, kDatagramMax};
      msghdr& header = messages[i].msg_hdr;
      header = {};
      header.msg_name = &names[i];
      header.msg_namelen = sizeof names[i];
      header.msg_iov = &vectors[i];
      header.msg_iovlen = 1;
      header.msg_control = controls[i].bytes;
      header.msg_controllen = sizeof controls[i].bytes;
    }
  }
};

PortSocket::PortSocket(int fd, IpAddress::Family family)
    : fd_(fd), family_(family), buffers_(std::make_unique<Buffers>()) {}

PortSocket::~PortSocket() { close(fd_); }

absl::StatusOr<std::unique_ptr<PortSocket>> PortSocket::Open(IpAddress::Family family,
                                                             uint16_t port, int receive_buffer) {
  const bool v4 = family == IpAddress::Family::kIpv4;
  const int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Failed("UDP socket");
  std::unique_ptr<PortSocket> made(new PortSocket(fd, family));
  RETURN_IF_ERROR(made->Configure(port, receive_buffer));
  return made;
}

absl::Status PortSocket::Configure(uint16_t port, int receive_buffer) {
  const bool v4 = family_ == IpAddress::Family::kIpv4;
  const bool good =
      Set(fd_, SOL_SOCKET, SO_REUSEADDR, 1) && Set(fd_, SOL_SOCKET, SO_TIMESTAMPNS, 1) &&
      Set(fd_, SOL_SOCKET, SO_RXQ_OVFL, 1) &&
      (v4 ? Set(fd_, IPPROTO_IP, IP_PKTINFO, 1) && Set(fd_, IPPROTO_IP, IP_MULTICAST_ALL, 0)
          : Set(fd_, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) && Set(fd_, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
                Set(fd_, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0));
  if (!good) return Failed(fmt::format("UDP port {}: an option", port));
  // Over net.core.rmem_max with CAP_NET_ADMIN, else up to it.
  if (!Set(fd_, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer))
    Set(fd_, SOL_SOCKET, SO_RCVBUF, receive_buffer);
  sockaddr_storage address;
  const Endpoint any = {v4 ? IpAddress::V4(0u) : IpAddress(), port};
  const socklen_t size = ToSockaddr(any, 0, address);
  if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0)
    return Failed(fmt::format("UDP port {} ({})", port, v4 ? "IPv4" : "IPv6"));
  return absl::OkStatus();
}

int PortSocket::receive_buffer() const {
  int value = 0;
  socklen_t size = sizeof value;
  getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &value, &size);
  return value;
}

absl::Status PortSocket::Membership(int option, const IpAddress& group,
                                    const std::optional<IpAddress>& source, uint32_t ifindex) {
  const int level = family_ == IpAddress::Family::kIpv4 ? IPPROTO_IP : IPPROTO_IPV6;
  int result;
  if (source) {
    group_source_req request = {};
    request.gsr_interface = ifindex;
    ToSockaddr({group, 0}, 0, request.gsr_group);
    ToSockaddr({*source, 0}, 0, request.gsr_source);
    result = setsockopt(fd_, level, option, &request, sizeof request);
  } else {
    group_req request = {};
    request.gr_interface = ifindex;
    ToSockaddr({group, 0}, 0, request.gr_group);
    result = setsockopt(fd_, level, option, &request, sizeof request);
  }
  if (result == 0 || errno == EADDRINUSE) return absl::OkStatus();
  if (errno == ENOBUFS)
    return absl::UnavailableError("more groups than net.ipv4.igmp_max_memberships allows");
  return Failed("join");
}

absl::Status PortSocket::Join(const IpAddress& group, const std::optional<IpAddress>& source,
                              uint32_t ifindex) {
  return Membership(source ? MCAST_JOIN_SOURCE_GROUP : MCAST_JOIN_GROUP, group, source, ifindex);
}

void PortSocket::Leave(const IpAddress& group, const std::optional<IpAddress>& source,
                       uint32_t ifindex) {
  static_cast<void>(
      Membership(source ? MCAST_LEAVE_SOURCE_GROUP : MCAST_LEAVE_GROUP, group, source, ifindex));
}

size_t PortSocket::Receive(absl::FunctionRef<void(const ReceivedDatagram&)> callback,
                           size_t datagrams_max) {
  const size_t wanted = std::min(datagrams_max, kBatch);
  buffers_->Reset(wanted);
  const int count = recvmmsg(fd_, buffers_->messages.data(), static_cast<unsigned>(wanted),
                             MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    mmsghdr& received = buffers_->messages[static_cast<size_t>(i)];
    ReceivedDatagram datagram;
    for (cmsghdr* header = CMSG_FIRSTHDR(&received.msg_hdr); header != nullptr;
         header = CMSG_NXTHDR(&received.msg_hdr, header)) {
      const auto* data = CMSG_DATA(header);
      if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPNS) {
        timespec time;
        std::memcpy(&time, data, sizeof time);
        datagram.time = absl::TimeFromTimespec(time);
      } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_RXQ_OVFL) {
        uint32_t lost;
        std::memcpy(&lost, data, sizeof lost);
        lost_ += lost - lost_before_;
        lost_before_ = lost;
      } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
        in_pktinfo info;
        std::memcpy(&info, data, sizeof info);
        datagram.ifindex = static_cast<uint32_t>(info.ipi_ifindex);
        datagram.destination = IpAddress::V4(ntohl(info.ipi_addr.s_addr));
      } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info;
        std::memcpy(&info, data, sizeof info);
        datagram.ifindex = info.ipi6_ifindex;
        datagram.destination = IpAddress::FromBytes({info.ipi6_addr.s6_addr, 16}).value();
      }
    }
    const auto* name = static_cast<const sockaddr*>(received.msg_hdr.msg_name);
    const auto address = IpAddress::FromSockaddr(name);
    if (!address) continue;
    datagram.source.address = *address;
    datagram.source.port =
        ntohs(name->sa_family == AF_INET ? reinterpret_cast<const sockaddr_in*>(name)->sin_port
                                         : reinterpret_cast<const sockaddr_in6*>(name)->sin6_port);
    datagram.bytes = {static_cast<const uint8_t*>(received.msg_hdr.msg_iov->iov_base),
                      received.msg_len};
    callback(datagram);
  }
  return count > 0 ? static_cast<size_t>(count) : 0;
}

bool PortSocket::Send(Bytes bytes, const IpAddress& from, const Endpoint& to, uint32_t ifindex) {
  return SendTo(fd_, bytes, from, to, ifindex);
}

absl::StatusOr<std::unique_ptr<GroupSender>> GroupSender::Open() {
  const int v4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
  if (v4 < 0) return Failed("raw socket for answers from the group");
  const int v6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
  if (v6 < 0) {
    absl::Status status = Failed("raw IPv6 socket for answers from the group");
    close(v4);
    return status;
  }
  return std::unique_ptr<GroupSender>(new GroupSender(v4, v6));
}

GroupSender::~GroupSender() {
  close(v4_);
  close(v6_);
}

bool GroupSender::Send(Bytes bytes, const Endpoint& from, const Endpoint& to, uint32_t ifindex) {
  std::vector<uint8_t> packet;
  std::vector<uint8_t> udp;
  ByteWriter writer(udp);
  writer.U16(from.port);
  writer.U16(to.port);
  writer.U16(static_cast<uint16_t>(8 + bytes.size()));
  writer.U16(0);
  writer.Append(bytes);
  // RFC 768 and RFC 8200 section 8.1: 0 means "none" and is sent as its complement. The pseudo
  // header of IPv4 sums up alike.
  const uint16_t sum = Ipv6Checksum(from.address.bytes(), to.address.bytes(), kUdp, udp);
  writer.PatchU16(6, sum == 0 ? 0xffff : sum);
  ByteWriter header(packet);
  if (to.address.is_v4()) {
    // The kernel fills in length, identification and checksum.
    header.U8(0x45);
    header.U8(0);
    header.U16(static_cast<uint16_t>(20 + udp.size()));
    header.U32(0);
    header.U8(kHopLimit);
    header.U8(kUdp);
    header.U16(0);
  } else {
    header.U32(0x60000000);
    header.U16(static_cast<uint16_t>(udp.size()));
    header.U8(kUdp);
    header.U8(kHopLimit);
  }
  header.Append(from.address.bytes());
  header.Append(to.address.bytes());
  header.Append(udp);
  sockaddr_storage address;
  iovec vector = {packet.data(), packet.size()};
  msghdr message = {};
  message.msg_name = &address;
  message.msg_namelen = ToSockaddr({to.address, 0}, ifindex, address);
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  ControlBuffer control = {};
  // The interface alone: a source that is a group would be refused.
  const IpAddress any = to.address.is_v4() ? IpAddress::V4(0u) : IpAddress();
  message.msg_controllen = PutPacketInfo(message, control, any, ifindex);
  return sendmsg(to.address.is_v4() ? v4_ : v6_, &message, MSG_DONTWAIT) ==
         static_cast<ssize_t>(packet.size());
}

}  // namespace headwater::monitor
