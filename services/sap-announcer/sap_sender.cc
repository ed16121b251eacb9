#include "services/sap-announcer/sap_sender.h"

#include <errno.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/sap-announcer/sap_packet.h"

namespace headwater {
namespace {

absl::Status Failure(const std::string& what, int error) {
  return absl::UnavailableError(ToAbsl(fmt::format("{}: {}", what, strerror(error))));
}

bool SetInt(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// Nothing is ever read from these sockets: what is sent to them is dropped before it is queued.
bool DropInput(int fd) {
  sock_filter drop = {BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program = {1, &drop};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool Configure(int fd, bool ipv4, uint8_t dscp) {
  // A player on this host has the same port.
  if (!SetInt(fd, SOL_SOCKET, SO_REUSEADDR, 1) || !DropInput(fd)) return false;
  const int traffic_class = dscp << 2;
  // The kernel never sends a fragment of ours: what does not fit is an error that is counted.
  if (ipv4) {
    return SetInt(fd, IPPROTO_IP, IP_TOS, traffic_class) &&
           SetInt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1) &&
           SetInt(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  }
  return SetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
         SetInt(fd, IPPROTO_IPV6, IPV6_TCLASS, traffic_class) &&
         SetInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1) &&
         SetInt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

// The control messages of one datagram: interface and source, and how far it goes.
class Control {
 public:
  Control(msghdr& message) : message_(message) {
    message.msg_control = buffer_.data();
    message.msg_controllen = 0;
  }

  template <typename T>
  void Add(int level, int type, const T& value) {
    auto* header = reinterpret_cast<cmsghdr*>(buffer_.data() + message_.msg_controllen);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof value);
    memcpy(CMSG_DATA(header), &value, sizeof value);
    message_.msg_controllen += CMSG_SPACE(sizeof value);
  }

 private:
  msghdr& message_;
  alignas(cmsghdr)
      std::array<uint8_t, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))> buffer_ = {};
};

}  // namespace

SapSender::~SapSender() {
  for (const auto& [key, outgoing] : sockets_) close(outgoing.fd);
}

void SapSender::Close(const Key& key) {
  const auto it = sockets_.find(key);
  if (it == sockets_.end()) return;
  close(it->second.fd);
  sockets_.erase(it);
}

void SapSender::SetDscp(uint8_t dscp) {
  if (std::exchange(dscp_, dscp) == dscp) return;
  while (!sockets_.empty()) Close(Key(sockets_.begin()->first));
}

void SapSender::SetLegs(const std::vector<Leg>& legs) {
  legs_.clear();
  for (const Leg& leg : legs) legs_[leg.link] = leg;
  std::vector<Key> stale;
  for (const auto& [key, outgoing] : sockets_) {
    const auto leg = legs_.find(key.first);
    if (leg == legs_.end() || leg->second.ifindex != outgoing.ifindex) stale.push_back(key);
  }
  for (const Key& key : stale) Close(key);
}

absl::Status SapSender::Open(const Key& key, uint32_t ifindex, const IpAddress& source) {
  const bool ipv4 = source.is_v4();
  const std::string what =
      fmt::format("link {}: socket at {}", key.first, Endpoint{source, kSapPort}.ToString());
  const int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Failure(what, errno);
  sockaddr_storage address;
  const socklen_t length = ToSockaddr({source, kSapPort}, ifindex, address);
  if (!Configure(fd, ipv4, dscp_) || bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    const int error = errno;
    close(fd);
    return Failure(what, error);
  }
  sockets_[key] = {fd, ifindex, source};
  return absl::OkStatus();
}

absl::Status SapSender::Send(const SendDatagram& datagram) {
  const auto leg = legs_.find(datagram.link);
  if (leg == legs_.end()) {
    return absl::UnavailableError(ToAbsl(fmt::format("link {}: no leg", datagram.link)));
  }
  const uint32_t ifindex = leg->second.ifindex;
  const Key key = {datagram.link, datagram.source.family()};
  if (const auto open = sockets_.find(key);
      open != sockets_.end() && open->second.source != datagram.source) {
    Close(key);
  }
  if (!sockets_.contains(key)) RETURN_IF_ERROR(Open(key, ifindex, datagram.source));

  sockaddr_storage to;
  iovec data = {const_cast<uint8_t*>(datagram.bytes.data()), datagram.bytes.size()};
  msghdr message = {};
  message.msg_name = &to;
  message.msg_namelen = ToSockaddr({datagram.group, kSapPort}, ifindex, to);
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  Control control(message);
  const Bytes source = datagram.source.bytes();
  const int hop_limit = datagram.hop_limit;
  if (datagram.source.is_v4()) {
    in_pktinfo info = {
        .ipi_ifindex = static_cast<int>(ifindex), .ipi_spec_dst = {}, .ipi_addr = {}};
    memcpy(&info.ipi_spec_dst, source.data(), source.size());
    control.Add(IPPROTO_IP, IP_PKTINFO, info);
    control.Add(IPPROTO_IP, IP_TTL, hop_limit);
  } else {
    in6_pktinfo info = {.ipi6_addr = {}, .ipi6_ifindex = ifindex};
    memcpy(&info.ipi6_addr, source.data(), source.size());
    control.Add(IPPROTO_IPV6, IPV6_PKTINFO, info);
    control.Add(IPPROTO_IPV6, IPV6_HOPLIMIT, hop_limit);
  }
  if (sendmsg(sockets_.at(key).fd, &message, MSG_NOSIGNAL) >= 0) return absl::OkStatus();
  const int error = errno;
  // Opened anew the next time: the interface may have gone and come back.
  Close(key);
  return Failure(fmt::format("link {}: SAP from {} to {}", datagram.link,
                             datagram.source.ToString(), datagram.group.ToString()),
                 error);
}

}  // namespace headwater
