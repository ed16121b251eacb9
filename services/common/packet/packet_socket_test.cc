#include "services/common/packet/packet_socket.h"

#include <absl/time/clock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "services/common/net/ip_address.h"

namespace headwater {
namespace {

// Sends on the loopback and hears itself there; runs where CAP_NET_RAW is held, as the services'
// own start needs it.
TEST(PacketSocketTest, HearsWhatTheFilterLetsThrough) {
  // IPv4, UDP, destination port 47555: offsets from the IP header, without options.
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x45, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 22), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 47555, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  auto socket_or = PacketSocket::Open(filter, 2048);
  if (geteuid() != 0) {
    EXPECT_EQ(socket_or.status().code(), absl::StatusCode::kPermissionDenied);
    return;
  }
  ASSERT_TRUE(socket_or.ok()) << socket_or.status();
  PacketSocket& packets = **socket_or;
  ASSERT_TRUE(packets.AddInterface(1).ok());
  ASSERT_TRUE(packets.AddInterface(1).ok());

  const int sender = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_storage to;
  for (uint16_t port : {uint16_t{47556}, uint16_t{47555}}) {
    const socklen_t length = ToSockaddr({IpAddress::Parse("127.0.0.1").value(), port}, 0, to);
    ASSERT_EQ(sendto(sender, "hello", 5, 0, reinterpret_cast<sockaddr*>(&to), length), 5);
  }
  close(sender);

  int heard = 0;
  const absl::Time now = absl::Now();
  pollfd readable = {packets.fd(), POLLIN, 0};
  ASSERT_EQ(poll(&readable, 1, 5000), 1);
  packets.Receive([&](const ReceivedPacket& packet) {
    EXPECT_EQ(packet.ifindex, 1u);
    EXPECT_EQ(std::string(AsText(packet.bytes.subspan(28))), "hello");
    EXPECT_LT(absl::AbsDuration(packet.received - now), absl::Seconds(10));
    ++heard;
  });
  EXPECT_GE(heard, 1);
  packets.RemoveInterface(1);
}

}  // namespace
}  // namespace headwater
