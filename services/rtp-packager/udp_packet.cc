#include "services/rtp-packager/udp_packet.h"

#include "services/common/wire/byte_reader.h"
#include "services/common/wire/checksum.h"

namespace headwater::packager {
namespace {

constexpr uint8_t kUdp = 17;
constexpr size_t kUdpHeaderSize = 8;

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

std::vector<sock_filter> GroupPortFilter(uint16_t port) {
  // Jump targets are counted from the next instruction; kPass and kDrop are the last two.
  return {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 6),
      // IPv6: next header, group, destination port.
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kUdp, 0, 14),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 24),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xff, 0, 12),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 42),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 9, 10),
      // IPv4: version, protocol, group, destination port behind the options.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 9),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kUdp, 0, 7),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 16),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xe0, 0, 4),
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
}

}  // namespace headwater::packager
