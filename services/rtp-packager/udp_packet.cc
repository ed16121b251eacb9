#include "services/rtp-packager/udp_packet.h"

#include <algorithm>
#include <utility>

#include "services/common/wire/byte_reader.h"
#include "services/common/wire/checksum.h"

namespace headwater::packager {
namespace {

constexpr uint8_t kUdp = 17;
constexpr size_t kUdpHeaderSize = 8;
// Packet types of linux/if_packet.h, part of the kernel's binary interface.
constexpr uint32_t kPacketOutgoing = 4;
constexpr uint32_t kPacketLoopback = 5;

std::optional<UdpPacketView> ParseUdp(const IpAddress& from, const IpAddress& group, Bytes bytes,
                                      bool checksum_unfilled) {
  ByteReader reader(bytes);
  reader.Skip(2);
  const uint16_t port = reader.U16();
  const uint16_t length = reader.U16();
  const uint16_t checksum = reader.U16();
  if (!reader.ok() || length < kUdpHeaderSize || length > bytes.size()) return std::nullopt;
  const Bytes datagram = bytes.first(length);
  // 0 says "none", which IPv6 forbids (RFC 8200 section 8.1).
  if (checksum == 0 && group.is_v6() && !checksum_unfilled) return std::nullopt;
  if (checksum != 0 && !checksum_unfilled) {
    InternetChecksum sum;
    sum.Add(from.bytes());
    sum.Add(group.bytes());
    sum.AddU32(length);
    sum.AddU32(kUdp);
    sum.Add(datagram);
    if (sum.Finish() != 0) return std::nullopt;
  }
  return UdpPacketView{from, group, port, datagram.subspan(kUdpHeaderSize)};
}

std::optional<UdpPacketView> ParseIpv4(Bytes bytes, bool checksum_unfilled) {
  ByteReader reader(bytes);
  const size_t header_size = size_t{4} * (reader.U8() & 0x0f);
  reader.Skip(1);
  const uint16_t length = reader.U16();
  reader.Skip(2);
  const uint16_t fragment = reader.U16();
  reader.Skip(1);
  const uint8_t protocol = reader.U8();
  reader.Skip(2);
  const auto from = IpAddress::FromBytes(reader.Take(4));
  const auto group = IpAddress::FromBytes(reader.Take(4));
  if (!from || !group || header_size < 20 || length > bytes.size() || header_size > length) {
    return std::nullopt;
  }
  // More fragments, or not the first.
  if ((fragment & 0x3fff) != 0 || protocol != kUdp || !group->IsMulticast()) return std::nullopt;
  return ParseUdp(*from, *group, bytes.first(length).subspan(header_size), checksum_unfilled);
}

std::optional<UdpPacketView> ParseIpv6(Bytes bytes, bool checksum_unfilled) {
  ByteReader reader(bytes);
  reader.Skip(4);
  const uint16_t length = reader.U16();
  const uint8_t next_header = reader.U8();
  reader.Skip(1);
  const auto from = IpAddress::FromBytes(reader.Take(16));
  const auto group = IpAddress::FromBytes(reader.Take(16));
  if (!from || !group || next_header != kUdp || length > reader.remaining()) return std::nullopt;
  if (!group->IsMulticast()) return std::nullopt;
  return ParseUdp(*from, *group, reader.Take(length), checksum_unfilled);
}

// Classic BPF in pieces. Checks end the run by themselves, so there are no jumps to count.
class FilterCode {
 public:
  void Add(unsigned code, uint32_t operand) {
    code_.push_back({static_cast<uint16_t>(code), 0, 0, operand});
  }
  void Load(unsigned what, uint32_t at) { Add(BPF_LD | what, at); }
  // Goes on only when what was loaded is `value`.
  void Require(uint32_t value) { Check(value, 1, 0, 0); }
  void PassIf(uint32_t value) { Check(value, 0, 1, kWhole); }
  void DropIf(uint32_t value) { Check(value, 0, 1, 0); }
  // `then` when what was loaded is `value`, which is jumped over otherwise.
  void Branch(uint32_t value, const FilterCode& then) {
    code_.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, static_cast<uint8_t>(then.size()), value});
    Append(then);
  }
  void Append(const FilterCode& other) {
    code_.insert(code_.end(), other.code_.begin(), other.code_.end());
  }
  size_t size() const { return code_.size(); }
  std::vector<sock_filter> Take() { return std::move(code_); }

 private:
  static constexpr uint32_t kWhole = 0xffff;

  void Check(uint32_t value, uint8_t if_equal, uint8_t if_not, uint32_t answer) {
    code_.push_back({BPF_JMP | BPF_JEQ | BPF_K, if_equal, if_not, value});
    Add(BPF_RET | BPF_K, answer);
  }

  std::vector<sock_filter> code_;
};

// With the destination port loaded: passes `port`, goes on for RTP of others, drops the rest.
void AddPortChecks(uint16_t port, uint16_t rtp_port, FilterCode& code) {
  code.PassIf(port);
  code.Require(rtp_port);
  code.Load(BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE));
  code.DropIf(kPacketOutgoing);
  code.DropIf(kPacketLoopback);
}

}  // namespace

std::optional<UdpPacketView> ParseUdpPacket(Bytes bytes, bool checksum_unfilled) {
  if (bytes.empty()) return std::nullopt;
  switch (bytes[0] >> 4) {
    case 4:
      return ParseIpv4(bytes, checksum_unfilled);
    case 6:
      return ParseIpv6(bytes, checksum_unfilled);
    default:
      return std::nullopt;
  }
}

std::vector<sock_filter> GroupFilter(uint16_t port, uint16_t rtp_port,
                                     const std::vector<Ssrc>& ssrcs) {
  FilterCode ipv6;
  ipv6.Load(BPF_B | BPF_ABS, 6);
  ipv6.Require(kUdp);
  ipv6.Load(BPF_B | BPF_ABS, 24);
  ipv6.Require(0xff);
  ipv6.Load(BPF_H | BPF_ABS, 42);
  AddPortChecks(port, rtp_port, ipv6);
  ipv6.Load(BPF_W | BPF_ABS, 56);
  FilterCode ipv4;
  ipv4.Require(4);
  ipv4.Load(BPF_B | BPF_ABS, 9);
  ipv4.Require(kUdp);
  ipv4.Load(BPF_B | BPF_ABS, 16);
  ipv4.Add(BPF_ALU | BPF_AND | BPF_K, 0xf0);
  ipv4.Require(0xe0);
  // Ports and RTP stand behind the options.
  ipv4.Add(BPF_LDX | BPF_B | BPF_MSH, 0);
  ipv4.Load(BPF_H | BPF_IND, 2);
  AddPortChecks(port, rtp_port, ipv4);
  ipv4.Load(BPF_W | BPF_IND, 16);
  ipv6.Add(BPF_JMP | BPF_JA, static_cast<uint32_t>(ipv4.size()));

  FilterCode filter;
  filter.Load(BPF_B | BPF_ABS, 0);
  filter.Add(BPF_ALU | BPF_RSH | BPF_K, 4);
  filter.Branch(6, ipv6);
  filter.Append(ipv4);
  for (size_t i = 0; i < std::min(ssrcs.size(), kFilterSsrcsMax); ++i) {
    filter.PassIf(static_cast<uint32_t>(ssrcs[i]));
  }
  filter.Add(BPF_RET | BPF_K, 0);
  return filter.Take();
}

}  // namespace headwater::packager
