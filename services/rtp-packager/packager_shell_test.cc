// The shell on real sockets, in a network namespace of its own: two links, and the multicast routes
// prefer the wrong one.
#include "services/rtp-packager/packager_shell.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "services/common/time/clock.h"
#include "services/rtp-packager/feed_samples.h"
#include "services/rtp-packager/rtp/rtcp_packet.h"
#include "services/rtp-packager/rtp/rtp_packet.h"
#include "services/rtp-packager/source/fake_source.h"
#include "services/rtp-packager/udp_packet.h"

namespace headwater::packager {
namespace {

constexpr const char* kGroup6 = "ff3e:40:2001:db8::d0be:f00d";
constexpr const char* kGroup4 = "239.192.0.1";

// Once for all tests of this process, which has one test binary to itself.
bool EnterNamespace() {
  static const bool entered = [] {
    const int flags = geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER;
    if (unshare(flags) != 0) return false;
    return std::system(
               "ip link set lo up && ip link add a0 type veth peer name a1 && "
               "ip link add b0 type veth peer name b1 && "
               "for i in a0 a1 b0 b1; do ip link set $i up; done && "
               "ip -6 addr add 2001:db8:a::1/64 dev a0 nodad && ip addr add 192.0.2.1/24 dev a0 && "
               "ip -6 addr add 2001:db8:b::1/64 dev b0 nodad && ip addr add 198.51.100.1/24 dev b0 "
               "&& "
               "ip -6 addr add 2001:db8:a::66/128 dev a1 nodad && "
               "ip -6 route add multicast ff00::/8 dev b0 table local metric 1 && "
               "ip route add 224.0.0.0/4 dev b0") == 0;
  }();
  return entered;
}

struct Heard {
  uint32_t ifindex = 0;
  IpAddress from;
  uint8_t hop_limit = 0;
  uint8_t traffic_class = 0;
  RtpHeader header;
};

class PackagerShellTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(EnterNamespace()) << "needs root or user namespaces";
    auto listener = PacketSocket::Open(GroupFilter(5004, 0, {}), 4096);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = std::move(*listener);
    for (const char* name : {"a1", "b1"}) {
      ASSERT_TRUE(listener_->AddInterface(if_nametoindex(name)).ok());
    }
    loop_.AddFd(listener_->fd(), EPOLLIN, [this](uint32_t) { Listen(); });
    auto shell = PackagerShell::Open(
        loop_, log_, options_,
        {{.link = "a", .interface = "a0", .service_ipv4 = {}, .service_ipv6 = {}},
         {.link = "b", .interface = "b0", .service_ipv4 = {}, .service_ipv6 = {}}});
    ASSERT_TRUE(shell.ok()) << shell.status();
    shell_ = std::move(*shell);
    const absl::Status started = shell_->Start(
        opener_, nullptr,
        {.on_changes = [this](const std::set<Channel>& all) { changes_ += all.size(); },
         .on_legs = nullptr});
    ASSERT_TRUE(started.ok()) << started;
  }
  void TearDown() override {
    shell_.reset();
    if (listener_) loop_.RemoveFd(listener_->fd());
  }

  void Listen() {
    listener_->Receive([this](const ReceivedPacket& packet) {
      const auto udp = ParseUdpPacket(packet.bytes, true);
      if (!udp) return;
      const auto rtp = RtpPacketView::Parse(udp->payload);
      ASSERT_TRUE(rtp.ok());
      const Bytes ip = packet.bytes;
      const bool v6 = ip[0] >> 4 == 6;
      heard_.push_back({packet.ifindex, udp->from, v6 ? ip[7] : ip[8],
                        v6 ? static_cast<uint8_t>((ip[0] & 0xf) << 4 | ip[1] >> 4) : ip[1],
                        rtp->header});
    });
  }
  // Once in each test: what is to happen meanwhile is given to At before.
  void At(Duration time, EventLoop::Task task) { loop_.At(MonoNow() + time, std::move(task)); }
  void Run(Duration time) {
    loop_.At(MonoNow() + time, [this] { loop_.Stop(); });
    loop_.Run();
  }
  static Channel ChannelOf(const char* group) { return {*IpAddress::Parse(group), std::nullopt}; }
  void Apply(const char* group, std::vector<std::string> links) {
    SessionRequest request;
    request.channel = ChannelOf(group);
    request.number = 0xd0bef00d;
    request.kind = SourceKind::kTest;
    request.links = std::move(links);
    request.transmit = true;
    request.dscp = 46;
    request.hop_limit = 17;
    const absl::Status status = shell_->Call([&](Packager& core) { return core.Apply(request); });
    ASSERT_TRUE(status.ok()) << status;
  }
  static void SendTo(const char* from, const char* to, Bytes bytes, uint16_t port = 5005,
                     const char* interface = "a0") {
    const IpAddress source = *IpAddress::Parse(from);
    const int fd = socket(source.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_storage name;
    socklen_t size = ToSockaddr({source, 0}, 0, name);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), size), 0);
    const int ifindex = static_cast<int>(if_nametoindex(interface));
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &ifindex, sizeof ifindex);
    size = ToSockaddr({*IpAddress::Parse(to), port}, 0, name);
    EXPECT_EQ(sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&name), size),
              static_cast<ssize_t>(bytes.size()));
    close(fd);
  }
  static std::vector<uint8_t> ReportAbout(uint32_t ssrc, uint32_t reporter) {
    std::vector<uint8_t> bytes;
    SerializeTo(ReceiverReport{Ssrc{reporter}, {{.ssrc = Ssrc{ssrc}}}}, bytes);
    return bytes;
  }
  static std::string ReadAll(const char* path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  Options options_;
  EventLoop loop_;
  Logger log_{LogLevel::kError, [](auto, auto, const auto&) {}};
  FakeSourceOpener opener_;
  std::unique_ptr<PacketSocket> listener_;
  std::unique_ptr<PackagerShell> shell_;
  std::vector<Heard> heard_;
  size_t changes_ = 0;
};

TEST_F(PackagerShellTest, EachDatagramLeavesByItsLegWithItsAddressHopLimitAndClass) {
  Apply(kGroup6, {"a", "b"});
  Apply(kGroup4, {"a", "b"});
  Run(600ms);
  std::map<std::pair<uint32_t, bool>, std::vector<Heard>> by;
  for (const Heard& each : heard_) by[{each.ifindex, each.from.is_v6()}].push_back(each);
  const std::map<std::pair<uint32_t, bool>, const char*> expected = {
      {{if_nametoindex("a1"), true}, "2001:db8:a::1"},
      {{if_nametoindex("b1"), true}, "2001:db8:b::1"},
      {{if_nametoindex("a1"), false}, "192.0.2.1"},
      {{if_nametoindex("b1"), false}, "198.51.100.1"}};
  ASSERT_EQ(by.size(), expected.size());
  for (const auto& [key, source] : expected) {
    const std::vector<Heard>& packets = by[key];
    ASSERT_GE(packets.size(), 8u) << source;
    for (size_t i = 0; i < packets.size(); ++i) {
      EXPECT_EQ(packets[i].from.ToString(), source);
      EXPECT_EQ(packets[i].hop_limit, 17);
      EXPECT_EQ(packets[i].traffic_class, 46 << 2);
      EXPECT_EQ(packets[i].header.payload_type, 14);
      if (i > 0) {
        EXPECT_EQ(packets[i].header.sequence, packets[i - 1].header.sequence.Next());
      }
    }
  }
  EXPECT_EQ(shell_->sender_stats().errors + shell_->sender_stats().no_address, 0u);
  EXPECT_GT(changes_, 0u);
}

TEST_F(PackagerShellTest, WhatComesByAFeedLeavesAsRtp) {
  SessionRequest request;
  request.channel = ChannelOf(kGroup6);
  request.number = 0xcb5a1041;
  request.kind = SourceKind::kDvb;
  request.links = {"a"};
  request.transmit = true;
  request.hop_limit = 17;
  request.feed_source = IpAddress::Parse("::1");
  ASSERT_TRUE(shell_->Call([&](Packager& core) { return core.Apply(request); }).ok());
  const Endpoint feed = *shell_->core().Status(ChannelOf(kGroup6))->feed;
  EXPECT_EQ(feed.address.ToString(), "::1");
  ServiceTables tables;
  std::vector<uint8_t> packets = tables.Association();
  const std::vector<uint8_t> map = tables.Map();
  packets.insert(packets.end(), map.begin(), map.end());
  uint8_t counter = 0;
  for (int i = 0; i < 5; ++i) {
    const std::vector<uint8_t> media = MediaPacket(mpegts::Pid(0x101), counter++);
    packets.insert(packets.end(), media.begin(), media.end());
  }
  // More at once than one batch, and one from elsewhere.
  At(100ms, [&] {
    for (int i = 0; i < 50; ++i) SendTo("::1", "::1", packets, feed.port);
    SendTo("2001:db8:a::1", "::1", packets, feed.port);
    SendTo("::1", "::1", std::vector<uint8_t>(9001), feed.port);
  });
  Run(300ms);
  ASSERT_EQ(heard_.size(), 50u);
  EXPECT_EQ(heard_[0].header.payload_type, 33);
  EXPECT_EQ(heard_[0].from.ToString(), "2001:db8:a::1");
  for (size_t i = 1; i < heard_.size(); ++i) {
    EXPECT_EQ(heard_[i].header.sequence, heard_[i - 1].header.sequence.Next());
  }
  const FeedStats stats = shell_->core().Stats().feeds;
  EXPECT_EQ(stats.datagrams_total, 50u);
  EXPECT_EQ(stats.foreign_total, 1u);
  EXPECT_EQ(stats.malformed_total, 1u);
  EXPECT_EQ(shell_->feed_dropped_total(), 0u);
  ASSERT_TRUE(shell_->Call([&](Packager& core) { return core.Stop(0, request.channel); }).ok());
}

TEST_F(PackagerShellTest, HearsReportsWithoutJoining) {
  Apply(kGroup6, {"a"});
  Apply(kGroup4, {"a"});
  At(100ms, [this] {
    const uint32_t ssrc = shell_->core().Status(ChannelOf(kGroup6))->ssrc;
    // One from this very host to the group, one to our address.
    SendTo("2001:db8:a::1", kGroup6, ReportAbout(ssrc, 0x1001));
    SendTo("2001:db8:b::1", "2001:db8:a::1", ReportAbout(ssrc, 0x1002));
  });
  Run(300ms);
  EXPECT_EQ(shell_->core().Status(ChannelOf(kGroup6))->receivers.receivers, 2u);
  EXPECT_EQ(shell_->core().Status(ChannelOf(kGroup4))->receivers.receivers, 0u);
  EXPECT_EQ(ReadAll("/proc/net/igmp6").find("ff3e0040"), std::string::npos);
  EXPECT_EQ(ReadAll("/proc/net/mcfilter6").find("ff3e0040"), std::string::npos);
  // 239.192.0.1 as /proc writes it.
  EXPECT_EQ(ReadAll("/proc/net/igmp").find("0100C0EF"), std::string::npos);
}

TEST_F(PackagerShellTest, RtpOfAnotherSenderWithOurSsrcChangesItAndOurOwnIsNotHeard) {
  Apply(kGroup6, {"a"});
  Apply(kGroup4, {"a"});
  uint32_t before = 0;
  uint32_t other = 0;
  At(100ms, [&] {
    before = shell_->core().Status(ChannelOf(kGroup6))->ssrc;
    other = shell_->core().Status(ChannelOf(kGroup4))->ssrc;
    std::vector<uint8_t> packet;
    RtpHeader{.payload_type = 14, .ssrc = Ssrc{before}}.SerializeTo(packet);
    for (int i = 0; i < 3; ++i) SendTo("2001:db8:a::66", kGroup6, packet, 5004, "a1");
  });
  Run(500ms);
  EXPECT_NE(shell_->core().Status(ChannelOf(kGroup6))->ssrc, before);
  EXPECT_EQ(shell_->core().Status(ChannelOf(kGroup4))->ssrc, other);
  const PackagerStats stats = shell_->core().Stats();
  EXPECT_GE(stats.collisions_total, 1u);
  EXPECT_EQ(stats.loops_total, 0u);
  EXPECT_GT(stats.packets_total, 10u);
}

TEST_F(PackagerShellTest, LegThatIsTakenAwayComesBack) {
  Apply(kGroup6, {"a"});
  size_t before = 0;
  At(100ms, [] { EXPECT_EQ(std::system("ip link set a0 down"), 0); });
  At(400ms, [&] {
    before = heard_.size();
    EXPECT_EQ(std::system("ip link set a0 up && ip -6 addr replace 2001:db8:a::1/64 dev a0 nodad"),
              0);
  });
  Run(2s);
  EXPECT_GE(before, 1u);
  EXPECT_GE(heard_.size(), before + 5);
}

}  // namespace
}  // namespace headwater::packager
