#include "services/rtp-packager/multicast_sender.h"

#include <fcntl.h>
#include <netinet/ip.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "services/common/base/fault.h"

namespace headwater::packager {

struct MulticastSender::Batch {
  std::array<mmsghdr, kBatch> messages = {};
  std::array<std::array<iovec, 2>, kBatch> parts = {};
  std::array<sockaddr_storage, kBatch> names = {};
  // Aligned as cmsghdr wants it.
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, kControl> bytes = {};
  };
  std::array<Control, kBatch> controls = {};
};

namespace {

template <typename T>
cmsghdr* PutControl(msghdr& message, cmsghdr* at, int level, int type, const T& value) {
  at->cmsg_level = level;
  at->cmsg_type = type;
  at->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(at), &value, sizeof value);
  return CMSG_NXTHDR(&message, at);
}

bool SetOption(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// The fault "own-join": what must never be done.
void Join(int fd, const IpAddress& group, uint32_t ifindex) {
  group_req request = {};
  request.gr_interface = ifindex;
  ToSockaddr({group, 0}, ifindex, request.gr_group);
  setsockopt(fd, group.is_v6() ? IPPROTO_IPV6 : IPPROTO_IP, MCAST_JOIN_GROUP, &request,
             sizeof request);
}

}  // namespace

MulticastSender::MulticastSender(EventLoop& loop, uint16_t rtp_port, uint16_t rtcp_port,
                                 RtcpCallback on_rtcp)
    : loop_(loop),
      rtp_port_(rtp_port),
      rtcp_port_(rtcp_port),
      on_rtcp_(std::move(on_rtcp)),
      batch_(std::make_unique<Batch>()) {}

MulticastSender::~MulticastSender() {
  for (Sockets& leg : legs_) {
    for (auto& family : leg.fds) {
      for (int& fd : family) Close(fd);
    }
  }
}

bool MulticastSender::SetLeg(size_t leg, const LegAddresses& addresses) {
  if (leg >= legs_.size()) legs_.resize(leg + 1);
  Sockets& sockets = legs_[leg];
  const bool moved = sockets.addresses.ifindex != addresses.ifindex;
  const LegAddresses old = std::exchange(sockets.addresses, addresses);
  bool all = true;
  if (moved || old.ipv4 != addresses.ipv4 || (addresses.ipv4 && sockets.fds[0][0] < 0)) {
    all = Reopen(leg, addresses.ipv4, false) && all;
  }
  if (moved || old.ipv6 != addresses.ipv6 || (addresses.ipv6 && sockets.fds[1][0] < 0)) {
    all = Reopen(leg, addresses.ipv6, true) && all;
  }
  return all;
}

bool MulticastSender::Reopen(size_t leg, const std::optional<IpAddress>& address, bool ipv6) {
  Sockets& sockets = legs_[leg];
  std::array<int, 2>& fds = sockets.fds[ipv6 ? 1 : 0];
  for (int& fd : fds) Close(fd);
  if (!address || sockets.addresses.ifindex == 0) return true;
  fds[0] = Open(*address, rtp_port_, sockets.addresses.ifindex);
  fds[1] = Open(*address, rtcp_port_, sockets.addresses.ifindex);
  if (fds[0] < 0 || fds[1] < 0) {
    for (int& fd : fds) Close(fd);
    return false;
  }
  for (size_t i = 0; i < fds.size(); ++i) {
    loop_.AddFd(fds[i], EPOLLIN,
                [this, fd = fds[i], leg, rtcp = i == 1](uint32_t) { Read(fd, leg, rtcp); });
  }
  return true;
}

int MulticastSender::Open(const IpAddress& address, uint16_t port, uint32_t ifindex) {
  const bool v6 = address.is_v6();
  int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  sockaddr_storage name;
  const IpAddress any = v6 ? IpAddress() : IpAddress::V4(0);
  const IpAddress& bound = FaultInjected("source-address") ? any : address;
  const socklen_t size = ToSockaddr({bound, port}, ifindex, name);
  const bool ok = SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
                  (v6 ? SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
                            SetOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1) &&
                            SetOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT)
                      : SetOption(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1) &&
                            // The service address may be on the loopback (one for several senders).
                            SetOption(fd, IPPROTO_IP, IP_FREEBIND, 1) &&
                            SetOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)) &&
                  bind(fd, reinterpret_cast<sockaddr*>(&name), size) == 0;
  if (!ok) Close(fd);
  return fd;
}

void MulticastSender::Close(int& fd) {
  if (fd < 0) return;
  loop_.RemoveFd(fd);
  close(fd);
  fd = -1;
}

void MulticastSender::Read(int fd, size_t leg, bool rtcp) {
  std::array<uint8_t, 2048> buffer;
  // A bounded number for each wake-up: a flood of reports must not hold up RTP.
  for (int i = 0; i < 32; ++i) {
    sockaddr_storage name;
    socklen_t name_size = sizeof name;
    const ssize_t size = recvfrom(fd, buffer.data(), buffer.size(), 0,
                                  reinterpret_cast<sockaddr*>(&name), &name_size);
    if (size < 0) return;
    const auto from = IpAddress::FromSockaddr(reinterpret_cast<sockaddr*>(&name));
    if (!rtcp || !from) continue;
    on_rtcp_(leg, *from, Bytes(buffer).first(static_cast<size_t>(size)));
  }
}

void MulticastSender::Send(const Outbox& outbox) {
  // Socket by socket: a batch is of one socket, and datagrams of one session go to several.
  for (size_t leg = 0; leg < legs_.size(); ++leg) {
    for (size_t kind = 0; kind < 4; ++kind) SendThrough(leg, kind / 2 == 1, kind % 2 == 1, outbox);
  }
}

void MulticastSender::SendThrough(size_t leg, bool ipv6, bool rtcp, const Outbox& outbox) {
  const Sockets& sockets = legs_[leg];
  const int fd = sockets.fds[ipv6 ? 1 : 0][rtcp ? 1 : 0];
  size_t count = 0;
  for (const OutDatagram& datagram : outbox.datagrams()) {
    if (datagram.leg != leg || datagram.rtcp != rtcp || datagram.group.is_v6() != ipv6) continue;
    if (fd < 0) {
      ++stats_.no_address;
      continue;
    }
    if (count == kBatch) {
      Flush(fd, count);
      count = 0;
    }
    if (FaultInjected("own-join")) Join(fd, datagram.group, sockets.addresses.ifindex);
    Fill(count++, outbox, datagram, sockets);
  }
  Flush(fd, count);
}

void MulticastSender::Fill(size_t slot, const Outbox& outbox, const OutDatagram& datagram,
                           const Sockets& leg) {
  auto& parts = batch_->parts[slot];
  const Bytes header = outbox.Header(datagram);
  const Bytes payload = outbox.Payload(datagram);
  parts[0] = {const_cast<uint8_t*>(header.data()), header.size()};
  parts[1] = {const_cast<uint8_t*>(payload.data()), payload.size()};
  sockaddr_storage& name = batch_->names[slot];
  msghdr& message = batch_->messages[slot].msg_hdr;
  message = {};
  message.msg_name = &name;
  message.msg_namelen = ToSockaddr({datagram.group, datagram.rtcp ? rtcp_port_ : rtp_port_},
                                   leg.addresses.ifindex, name);
  message.msg_iov = parts.data();
  message.msg_iovlen = payload.empty() ? 1 : 2;
  message.msg_control = batch_->controls[slot].bytes.data();
  // CMSG_NXTHDR looks at the length of the header that is not written yet.
  batch_->controls[slot].bytes = {};
  message.msg_controllen = kControl;
  const int hops = datagram.hop_limit;
  const int traffic_class = datagram.dscp << 2;
  const auto ifindex = leg.addresses.ifindex;
  cmsghdr* at = CMSG_FIRSTHDR(&message);
  size_t used = 0;
  if (datagram.group.is_v6()) {
    in6_pktinfo info = {};
    info.ipi6_ifindex = FaultInjected("interface") ? 0 : ifindex;
    const bool link_scope = datagram.group.MulticastScope() <= 2 && leg.addresses.link_local;
    const IpAddress& source = link_scope ? *leg.addresses.link_local : *leg.addresses.ipv6;
    if (!FaultInjected("source-address")) {
      std::memcpy(&info.ipi6_addr, source.bytes().data(), 16);
    }
    at = PutControl(message, at, IPPROTO_IPV6, IPV6_PKTINFO, info);
    at = PutControl(message, at, IPPROTO_IPV6, IPV6_HOPLIMIT, hops);
    PutControl(message, at, IPPROTO_IPV6, IPV6_TCLASS, traffic_class);
    used = CMSG_SPACE(sizeof info) + 2 * CMSG_SPACE(sizeof(int));
  } else {
    in_pktinfo info = {};
    info.ipi_ifindex = FaultInjected("interface") ? 0 : static_cast<int>(ifindex);
    if (!FaultInjected("source-address")) {
      std::memcpy(&info.ipi_spec_dst, leg.addresses.ipv4->bytes().data(), 4);
    }
    at = PutControl(message, at, IPPROTO_IP, IP_PKTINFO, info);
    at = PutControl(message, at, IPPROTO_IP, IP_TTL, hops);
    PutControl(message, at, IPPROTO_IP, IP_TOS, traffic_class);
    used = CMSG_SPACE(sizeof info) + 2 * CMSG_SPACE(sizeof(int));
  }
  message.msg_controllen = used;
}

void MulticastSender::Flush(int fd, size_t count) {
  size_t sent = 0;
  while (sent < count) {
    ++stats_.calls;
    const int taken = sendmmsg(fd, batch_->messages.data() + sent,
                               static_cast<unsigned>(count - sent), MSG_DONTWAIT);
    if (taken <= 0) {
      // sendmmsg stops before the one that fails: that one is dropped, the rest tried.
      ++stats_.errors;
      ++sent;
      continue;
    }
    for (size_t i = sent; i < sent + static_cast<size_t>(taken); ++i) {
      stats_.octets += batch_->messages[i].msg_len;
    }
    stats_.datagrams += static_cast<uint64_t>(taken);
    sent += static_cast<size_t>(taken);
  }
}

}  // namespace headwater::packager
