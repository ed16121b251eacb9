#include "services/sap-announcer/sap_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/common/base/absl_text.h"
#include "services/sap-announcer/sap_packet.h"

namespace headwater {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

struct Heard {
  Endpoint from;
  int hop_limit = -1;
  std::string bytes;
};

// A listener on the loopback interface, as a player on this host would be.
class Listener {
 public:
  explicit Listener(const IpAddress& group)
      : fd_(socket(group.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM, 0)) {
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool ipv4 = group.is_v4();
    setsockopt(fd_, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, &on,
               sizeof on);
    sockaddr_storage address;
    const socklen_t length = ToSockaddr({group, kSapPort}, 1, address);
    ok_ = bind(fd_, reinterpret_cast<sockaddr*>(&address), length) == 0;
    group_req join = {};
    join.gr_interface = 1;
    ToSockaddr({group, kSapPort}, 1, join.gr_group);
    ok_ = ok_ && setsockopt(fd_, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &join,
                            sizeof join) == 0;
  }
  ~Listener() { close(fd_); }
  bool ok() const { return ok_; }

  Heard Receive() {
    Heard heard;
    pollfd readable = {fd_, POLLIN, 0};
    if (poll(&readable, 1, 5000) != 1) return heard;
    char data[2048], control[256];
    sockaddr_storage from;
    iovec vector = {data, sizeof data};
    msghdr message = {};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(fd_, &message, 0);
    heard.bytes.assign(data, static_cast<size_t>(size));
    heard.from.address = *IpAddress::FromSockaddr(reinterpret_cast<sockaddr*>(&from));
    heard.from.port = ntohs(reinterpret_cast<sockaddr_in*>(&from)->sin_port);
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      memcpy(&heard.hop_limit, CMSG_DATA(c), sizeof heard.hop_limit);
    }
    return heard;
  }

 private:
  int fd_;
  bool ok_ = false;
};

Leg Loopback(std::optional<IpAddress> ipv4, std::optional<IpAddress> ipv6) {
  return {.link = "lan",
          .interface = "lo",
          .ifindex = 1,
          .up = true,
          .mtu = 65536,
          .service_ipv4 = ipv4,
          .service_ipv6 = ipv6};
}

SendDatagram Datagram(std::string_view group, std::string_view source) {
  SendDatagram datagram;
  datagram.channel.group = Ip(group);
  datagram.link = "lan";
  datagram.group = Ip(group);
  datagram.source = Ip(source);
  datagram.hop_limit = 37;
  datagram.bytes = {'s', 'a', 'p'};
  return datagram;
}

// The loopback has no route for IPv6 groups; that family is seen on a real link in tests/lab/main.
TEST(SapSenderTest, SendsFromTheServiceAddressWithItsHopLimit) {
  SapSender sender(0);
  sender.SetLegs({Loopback(Ip("127.0.0.1"), std::nullopt)});
  Listener listener(Ip("239.192.77.1"));
  ASSERT_TRUE(listener.ok());
  const absl::Status sent = sender.Send(Datagram("239.192.77.1", "127.0.0.1"));
  ASSERT_TRUE(sent.ok()) << sent;
  const Heard heard = listener.Receive();
  EXPECT_EQ(heard.bytes, "sap");
  EXPECT_EQ(heard.from, (Endpoint{Ip("127.0.0.1"), kSapPort}));
  EXPECT_EQ(heard.hop_limit, 37);
}

TEST(SapSenderTest, FollowsAServiceAddressThatMoves) {
  SapSender sender(0);
  Listener listener(Ip("239.192.77.2"));
  for (const char* source : {"127.0.0.1", "127.0.0.2"}) {
    sender.SetLegs({Loopback(Ip(source), std::nullopt)});
    ASSERT_TRUE(sender.Send(Datagram("239.192.77.2", source)).ok());
    EXPECT_EQ(listener.Receive().from.address, Ip(source));
  }
}

TEST(SapSenderTest, TellsLinkAddressesAndReason) {
  SapSender sender(0);
  const auto error = [&](const SendDatagram& datagram) {
    return std::string(FromAbsl(sender.Send(datagram).message()));
  };
  EXPECT_EQ(error(Datagram("239.192.77.3", "127.0.0.1")), "link lan: no leg");
  sender.SetLegs({Loopback(Ip("192.0.2.1"), std::nullopt)});
  EXPECT_EQ(error(Datagram("239.192.77.3", "192.0.2.1")),
            "link lan: socket at 192.0.2.1:9875: Cannot assign requested address");
  sender.SetLegs({Loopback(Ip("127.0.0.1"), std::nullopt)});
  SendDatagram large = Datagram("239.192.77.3", "127.0.0.1");
  large.bytes.resize(66'000);
  EXPECT_EQ(error(large), "link lan: SAP from 127.0.0.1 to 239.192.77.3: Message too long");
  EXPECT_TRUE(sender.Send(Datagram("239.192.77.3", "127.0.0.1")).ok());
}

}  // namespace
}  // namespace headwater
