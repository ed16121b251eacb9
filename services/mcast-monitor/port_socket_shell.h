#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"

namespace headwater::monitor {

// A datagram as the kernel gave it; the bytes are valid during the callback.
struct ReceivedDatagram {
  Bytes bytes;
  Endpoint source;
  IpAddress destination;
  uint32_t ifindex = 0;
  // Kernel receive time (SO_TIMESTAMPNS).
  absl::Time time;
};

// One UDP port of one family: unicast, and the groups that it joins and no other process's
// (IP_MULTICAST_ALL off). Opened with CAP_NET_BIND_SERVICE where the port is below 1024; groups
// come and go without. Shares its port with daemons that are bound to an address of their own. One
// thread.
class PortSocket {
 public:
  // PERMISSION_DENIED, or UNAVAILABLE with the port and the reason.
  static absl::StatusOr<std::unique_ptr<PortSocket>> Open(IpAddress::Family family, uint16_t port,
                                                          int receive_buffer);
  ~PortSocket();
  PortSocket(const PortSocket&) = delete;
  PortSocket& operator=(const PortSocket&) = delete;

  // With a source: that channel (RFC 4607). UNAVAILABLE says why not.
  absl::Status Join(const IpAddress& group, const std::optional<IpAddress>& source,
                    uint32_t ifindex);
  void Leave(const IpAddress& group, const std::optional<IpAddress>& source, uint32_t ifindex);

  int fd() const { return fd_; }
  // Gives up to `datagrams_max` waiting datagrams to `callback`; returns how many.
  size_t Receive(absl::FunctionRef<void(const ReceivedDatagram&)> callback, size_t datagrams_max);
  // From an address of ours, by the interface.
  bool Send(Bytes bytes, const IpAddress& from, const Endpoint& to, uint32_t ifindex);
  // Datagrams that the kernel had no room for (SO_RXQ_OVFL), as told with the newest datagram.
  uint64_t lost_total() const { return lost_; }
  // What the kernel granted of the buffer asked for, in its own counting.
  int receive_buffer() const;

 private:
  struct Buffers;
  PortSocket(int fd, IpAddress::Family family);
  absl::Status Configure(uint16_t port, int receive_buffer);
  absl::Status Membership(int option, const IpAddress& group,
                          const std::optional<IpAddress>& source, uint32_t ifindex);

  const int fd_;
  const IpAddress::Family family_;
  std::unique_ptr<Buffers> buffers_;
  uint32_t lost_before_ = 0;
  uint64_t lost_ = 0;
};

// IPv4 or IPv6 with UDP and checksum, whatever the source: the kernel's own sockets do not send
// from a group (RFC 1112 section 6.2 forbids it), and some clients take an answer from the address
// that they have asked alone. Opened with CAP_NET_RAW.
class GroupSender {
 public:
  static absl::StatusOr<std::unique_ptr<GroupSender>> Open();
  ~GroupSender();
  bool Send(Bytes bytes, const Endpoint& from, const Endpoint& to, uint32_t ifindex);

 private:
  GroupSender(int v4, int v6) : v4_(v4), v6_(v6) {}
  const int v4_, v6_;
};

}  // namespace headwater::monitor
