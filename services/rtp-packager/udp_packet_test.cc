#include "services/rtp-packager/udp_packet.h"

#include <gtest/gtest.h>
#include <linux/if_packet.h>

namespace headwater::packager {
namespace {

// IP6 2001:db8::2.40000 > ff3e::8000:1.5005: UDP, length 4, checksum right.
const std::vector<uint8_t> kIpv6 = {
    0x60, 0, 0, 0, 0,    12,   17,   32,   0x20, 0x01, 0x0d, 0xb8, 0,    0,    0, 0, 0, 0,
    0,    0, 0, 0, 0,    2,    0xff, 0x3e, 0,    0,    0,    0,    0,    0,    0, 0, 0, 0,
    0x80, 0, 0, 1, 0x9c, 0x40, 0x13, 0x8d, 0,    12,   0,    0,    0x81, 0xc9, 0, 1};
// IP 192.0.2.2.40000 > 239.192.0.1.5005: UDP, length 4, without checksum.
const std::vector<uint8_t> kIpv4 = {0x45, 0,    0, 32, 0, 1,   0,    0,    16, 17,   0,
                                    0,    192,  0, 2,  2, 239, 192,  0,    1,  0x9c, 0x40,
                                    0x13, 0x8d, 0, 12, 0, 0,   0x81, 0xc9, 0,  1};

// Runs the filter as the kernel does, over the packet from its IP header on.
bool Passes(const std::vector<sock_filter>& filter, const std::vector<uint8_t>& packet,
            uint32_t packet_type = PACKET_MULTICAST) {
  uint32_t a = 0;
  uint32_t x = 0;
  const auto load = [&](size_t at, size_t size, uint32_t& out) {
    if (at + size > packet.size()) return false;
    out = 0;
    for (size_t i = 0; i < size; ++i) out = out << 8 | packet[at + i];
    return true;
  };
  for (size_t pc = 0; pc < filter.size(); ++pc) {
    const sock_filter& op = filter[pc];
    switch (op.code) {
      case BPF_LD | BPF_B | BPF_ABS:
        if (!load(op.k, 1, a)) return false;
        break;
      case BPF_LD | BPF_H | BPF_ABS:
        if (!load(op.k, 2, a)) return false;
        break;
      case BPF_LD | BPF_H | BPF_IND:
        if (!load(x + op.k, 2, a)) return false;
        break;
      case BPF_LD | BPF_W | BPF_ABS:
        if (op.k == static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)) {
          a = packet_type;
        } else if (!load(op.k, 4, a)) {
          return false;
        }
        break;
      case BPF_LD | BPF_W | BPF_IND:
        if (!load(x + op.k, 4, a)) return false;
        break;
      case BPF_JMP | BPF_JA:
        pc += op.k;
        break;
      case BPF_LDX | BPF_B | BPF_MSH:
        if (!load(op.k, 1, x)) return false;
        x = (x & 0xf) * 4;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        a >>= op.k;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= op.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += a == op.k ? op.jt : op.jf;
        break;
      case BPF_RET | BPF_K:
        return op.k != 0;
      default:
        ADD_FAILURE() << "unexpected instruction";
        return false;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return false;
}

TEST(UdpPacketTest, ReadsIpv6) {
  const auto packet = ParseUdpPacket(kIpv6, true);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->from.ToString(), "2001:db8::2");
  EXPECT_EQ(packet->group.ToString(), "ff3e::8000:1");
  EXPECT_EQ(packet->port, 5005);
  EXPECT_EQ(packet->payload.size(), 4u);
}

TEST(UdpPacketTest, ReadsIpv4) {
  const auto packet = ParseUdpPacket(kIpv4, false);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->from.ToString(), "192.0.2.2");
  EXPECT_EQ(packet->group.ToString(), "239.192.0.1");
  EXPECT_EQ(packet->payload.size(), 4u);
}

TEST(UdpPacketTest, ChecksumMustBeRightUnlessUnfilled) {
  std::vector<uint8_t> packet = kIpv6;
  EXPECT_FALSE(ParseUdpPacket(packet, false)) << "IPv6 has no UDP without checksum";
  // Sum it by trying all: exactly one value is right (and 0 never counts).
  int right = 0;
  for (uint32_t sum = 1; sum < 0x10000; ++sum) {
    packet[46] = static_cast<uint8_t>(sum >> 8);
    packet[47] = static_cast<uint8_t>(sum);
    if (ParseUdpPacket(packet, false)) ++right;
  }
  EXPECT_EQ(right, 1);
}

TEST(UdpPacketTest, TruncatedAtAnyLengthIsNothing) {
  for (const auto& whole : {kIpv6, kIpv4}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(ParseUdpPacket(Bytes(whole).first(size), true)) << size;
    }
  }
}

TEST(UdpPacketTest, FragmentsUnicastAndOtherProtocolsAreNothing) {
  std::vector<uint8_t> fragment = kIpv4;
  fragment[6] = 0x20;
  EXPECT_FALSE(ParseUdpPacket(fragment, true));
  std::vector<uint8_t> unicast = kIpv4;
  unicast[16] = 192;
  EXPECT_FALSE(ParseUdpPacket(unicast, true));
  std::vector<uint8_t> icmp = kIpv6;
  icmp[6] = 58;
  EXPECT_FALSE(ParseUdpPacket(icmp, true));
  std::vector<uint8_t> options = kIpv4;
  options[0] = 0x44;
  EXPECT_FALSE(ParseUdpPacket(options, true)) << "a header shorter than its fixed part";
}

TEST(UdpPacketTest, FilterPassesTheGroupPortOnly) {
  const auto filter = GroupFilter(5005, 5004, {});
  for (const uint32_t type : {PACKET_MULTICAST, PACKET_OUTGOING}) {
    EXPECT_TRUE(Passes(filter, kIpv6, type));
    EXPECT_TRUE(Passes(filter, kIpv4, type));
  }
  EXPECT_FALSE(Passes(GroupFilter(5003, 5004, {}), kIpv6));
  EXPECT_FALSE(Passes(GroupFilter(5003, 5004, {}), kIpv4));
  for (const auto& whole : {kIpv6, kIpv4}) {
    std::vector<uint8_t> other = whole;
    other[whole == kIpv6 ? 6 : 9] = 6;
    EXPECT_FALSE(Passes(filter, other)) << "TCP";
    other = whole;
    other[whole == kIpv6 ? 24 : 16] = 0x20;
    EXPECT_FALSE(Passes(filter, other)) << "unicast";
  }
  EXPECT_FALSE(Passes(filter, {0x50, 0, 0, 0}));
}

// The packet to the RTP port, with an RTP header in place of its payload.
std::vector<uint8_t> AsRtp(std::vector<uint8_t> packet, uint32_t ssrc) {
  packet[packet.size() - 9] = 0x8c;
  packet.resize(packet.size() - 4);
  packet.insert(packet.end(), {0x80, 14, 0, 1, 0, 0, 0, 2});
  for (int shift = 24; shift >= 0; shift -= 8)
    packet.push_back(static_cast<uint8_t>(ssrc >> shift));
  return packet;
}

TEST(UdpPacketTest, FilterPassesRtpOfOthersWithOurSsrcOnly) {
  std::vector<Ssrc> ours;
  for (uint32_t i = 0; i < 3000; ++i) ours.push_back(Ssrc{0x10000 + i});
  const auto filter = GroupFilter(5005, 5004, ours);
  EXPECT_LE(filter.size(), size_t{BPF_MAXINSNS});
  std::vector<uint8_t> with_options = kIpv4;
  with_options[0] = 0x46;
  with_options.insert(with_options.begin() + 20, 4, 1);
  for (const auto& packet : {kIpv6, kIpv4, with_options}) {
    for (const uint32_t ssrc : {0x10000u, 0x10001u, 0x107cfu}) {
      EXPECT_TRUE(Passes(filter, AsRtp(packet, ssrc))) << ssrc;
      EXPECT_FALSE(Passes(filter, AsRtp(packet, ssrc), PACKET_OUTGOING)) << "what we send";
      EXPECT_FALSE(Passes(filter, AsRtp(packet, ssrc), PACKET_LOOPBACK)) << "back to ourselves";
    }
    EXPECT_FALSE(Passes(filter, AsRtp(packet, 0xffff))) << "somebody's RTP";
    EXPECT_FALSE(Passes(GroupFilter(5005, 5004, {}), AsRtp(packet, 0x10000)));
    EXPECT_TRUE(Passes(filter, packet)) << "RTCP";
  }
}

}  // namespace
}  // namespace headwater::packager
