#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <linux/filter.h>

#include <cstdint>
#include <memory>
#include <set>
#include <span>

#include "services/common/base/bytes.h"

namespace headwater {

// A packet as the kernel gave it.
struct ReceivedPacket {
  // From the IPv4 or IPv6 header on; valid during the callback.
  Bytes bytes;
  uint32_t ifindex = 0;
  // Sent by this host. A player on the headend's own host is heard so.
  bool outgoing = false;
  // The sender left the checksum to hardware that a virtual link does not have: do not check it
  // (platform notes on veth).
  bool checksum_unfilled = false;
  // Kernel receive time.
  absl::Time received;
};

// Receives what a filter lets through, on chosen interfaces, without joining any group: AF_PACKET
// with all-multicast reception (ADR 1). Opened once, with CAP_NET_RAW; links are added and
// removed later without any privilege. Frames for other hosts and frames with a VLAN tag (other
// links' traffic on a trunk's parent interface) are dropped and counted here. One thread.
class PacketSocket {
 public:
  // `filter` is classic BPF over the packet from its IP header on (SOCK_DGRAM), run in the kernel
  // before anything is queued. Packets longer than `packet_size_max` are dropped and counted.
  // PERMISSION_DENIED without CAP_NET_RAW.
  static absl::StatusOr<std::unique_ptr<PacketSocket>> Open(std::span<const sock_filter> filter,
                                                            size_t packet_size_max);
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  // Replaces the filter at once and whole; what was let through before is still to be received.
  absl::Status SetFilter(std::span<const sock_filter> filter);
  // Packets of other interfaces never reach the callback. Idempotent.
  absl::Status AddInterface(uint32_t ifindex);
  void RemoveInterface(uint32_t ifindex);

  int fd() const { return fd_; }
  // Gives up to `packets_max` waiting packets to `callback`; returns how many it took off the
  // queue. Does not allocate.
  size_t Receive(absl::FunctionRef<void(const ReceivedPacket&)> callback, size_t packets_max = 256);

  uint64_t dropped_total() const { return dropped_; }
  // Packets that the kernel had no room for, up to now: the queue overflowed. Asks the kernel.
  uint64_t lost_total();

 private:
  struct Buffers;
  PacketSocket(int fd, size_t packet_size_max);
  absl::Status Configure(std::span<const sock_filter> filter);

  int fd_;
  std::unique_ptr<Buffers> buffers_;
  std::set<uint32_t> interfaces_;
  uint64_t dropped_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace headwater
