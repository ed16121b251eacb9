#pragma once

#include <absl/functional/any_invocable.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/loop/event_loop.h"
#include "services/common/net/ip_address.h"
#include "services/rtp-packager/outbox.h"

struct mmsghdr;

namespace headwater::packager {

// What a leg sends from.
struct LegAddresses {
  uint32_t ifindex = 0;
  std::optional<IpAddress> ipv4;
  std::optional<IpAddress> ipv6;
  // Source for groups of link scope; may be sent from through the socket of `ipv6`.
  std::optional<IpAddress> link_local;

  bool operator==(const LegAddresses&) const = default;
};

// Sends RTP and RTCP, and receives unicast receiver reports (RFC 5760). For each leg and family it
// has two UDP sockets bound to the leg's service address, one for each port: what comes back by
// unicast is read and earns no ICMP error. Interface, source address, hop limit and DSCP go with
// each datagram, so that no route, however first it stands, chooses another. Bound with
// SO_REUSEADDR: a player on this host may have the ports too. Multicast is looped, for that player.
//
// Datagrams leave in batches of sendmmsg, without allocation. What the kernel does not take at once
// (full queue, leg just gone) is dropped and counted: late RTP is worth nothing. Loop thread only.
class MulticastSender {
 public:
  struct Stats {
    uint64_t datagrams = 0;
    uint64_t octets = 0;
    // sendmmsg refused one, or its leg had no address.
    uint64_t errors = 0;
    uint64_t no_address = 0;
    uint64_t calls = 0;
  };
  // Bytes of a unicast datagram on an RTCP port, and who sent it.
  using RtcpCallback = absl::AnyInvocable<void(size_t leg, const IpAddress& from, Bytes bytes)>;

  MulticastSender(EventLoop& loop, uint16_t rtp_port, uint16_t rtcp_port, RtcpCallback on_rtcp);
  ~MulticastSender();
  MulticastSender(const MulticastSender&) = delete;
  MulticastSender& operator=(const MulticastSender&) = delete;

  // Opens, keeps or closes the leg's sockets. False: an address cannot be bound yet (IPv6 duplicate
  // detection); the caller tries again.
  bool SetLeg(size_t leg, const LegAddresses& addresses);
  void Send(const Outbox& outbox);
  const Stats& stats() const { return stats_; }

 private:
  static constexpr size_t kBatch = 64;
  // IPV6_PKTINFO, IPV6_HOPLIMIT and IPV6_TCLASS; the IPv4 set is smaller.
  static constexpr size_t kControl = CMSG_SPACE(sizeof(in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int));

  // Of one leg: [IPv4 or IPv6][RTP or RTCP].
  struct Sockets {
    LegAddresses addresses;
    std::array<std::array<int, 2>, 2> fds = {{{-1, -1}, {-1, -1}}};
  };
  struct Batch;

  int Open(const IpAddress& address, uint16_t port, uint32_t ifindex);
  void Close(int& fd);
  bool Reopen(size_t leg, const std::optional<IpAddress>& address, bool ipv6);
  void Read(int fd, size_t leg, bool rtcp);
  void SendThrough(size_t leg, bool ipv6, bool rtcp, const Outbox& outbox);
  void Flush(int fd, size_t count);
  void Fill(size_t slot, const Outbox& outbox, const OutDatagram& datagram, const Sockets& leg);

  EventLoop& loop_;
  const uint16_t rtp_port_;
  const uint16_t rtcp_port_;
  RtcpCallback on_rtcp_;
  std::vector<Sockets> legs_;
  std::unique_ptr<Batch> batch_;
  Stats stats_;
};

}  // namespace headwater::packager
