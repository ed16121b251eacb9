#include "services/common/packet/packet_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"

namespace headwater {
namespace {

constexpr size_t kBatch = 32;

absl::Status SocketError(const char* what) {
  const std::string text = fmt::format("packet socket: {}: {}", what, std::strerror(errno));
  return errno == EPERM || errno == EACCES
             ? absl::PermissionDeniedError(ToAbsl(text + " (CAP_NET_RAW is needed at start)"))
             : absl::UnavailableError(ToAbsl(text));
}

absl::Status SetFlag(int fd, int level, int option, const char* name) {
  const int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on) == 0 ? absl::OkStatus() : SocketError(name);
}

}  // namespace

struct PacketSocket::Buffers {
  explicit Buffers(size_t packet_size_max)
      : size(packet_size_max), storage(kBatch * packet_size_max) {
    for (size_t i = 0; i < kBatch; ++i) vectors[i] = {storage.data() + i * size, size};
  }
  void Reset() {
    for (size_t i = 0; i < kBatch; ++i) {
      headers[i] = {};
      headers[i].msg_hdr.msg_name = &names[i];
      headers[i].msg_hdr.msg_namelen = sizeof names[i];
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_control = controls[i].bytes;
      headers[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
    }
  }

  struct alignas(cmsghdr) Control {
    char bytes[128];
  };
  size_t size;
  std::vector<uint8_t> storage;
  std::array<mmsghdr, kBatch> headers;
  std::array<iovec, kBatch> vectors;
  std::array<sockaddr_ll, kBatch> names;
  std::array<Control, kBatch> controls;
};

PacketSocket::PacketSocket(int fd, size_t packet_size_max)
    : fd_(fd), buffers_(std::make_unique<Buffers>(packet_size_max)) {}

PacketSocket::~PacketSocket() { close(fd_); }

absl::StatusOr<std::unique_ptr<PacketSocket>> PacketSocket::Open(
    std::span<const sock_filter> filter, size_t packet_size_max) {
  // Protocol 0 receives nothing until it is bound, so that no packet slips in before the filter
  // stands.
  const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return SocketError("open");
  std::unique_ptr<PacketSocket> packet_socket(new PacketSocket(fd, packet_size_max));
  RETURN_IF_ERROR(packet_socket->Configure(filter));
  return packet_socket;
}

absl::Status PacketSocket::SetFilter(std::span<const sock_filter> filter) {
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              const_cast<sock_filter*>(filter.data())};
  const bool ok = setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
  return ok ? absl::OkStatus() : SocketError("filter");
}

absl::Status PacketSocket::Configure(std::span<const sock_filter> filter) {
  RETURN_IF_ERROR(SetFilter(filter));
  RETURN_IF_ERROR(SetFlag(fd_, SOL_PACKET, PACKET_AUXDATA, "PACKET_AUXDATA"));
  RETURN_IF_ERROR(SetFlag(fd_, SOL_SOCKET, SO_TIMESTAMPNS, "SO_TIMESTAMPNS"));
  // Room for a burst of reports after a general query. Without CAP_NET_ADMIN the kernel's limit may
  // lower it.
  const int room = 8 << 20;
  if (setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) {
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  // Only ETH_P_ALL also sees what this host sends.
  sockaddr_ll any = {};
  any.sll_family = AF_PACKET;
  any.sll_protocol = htons(ETH_P_ALL);
  if (bind(fd_, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) return SocketError("bind");
  return absl::OkStatus();
}

absl::Status PacketSocket::AddInterface(uint32_t ifindex) {
  if (interfaces_.contains(ifindex)) return absl::OkStatus();
  packet_mreq request = {};
  request.mr_ifindex = static_cast<int>(ifindex);
  request.mr_type = PACKET_MR_ALLMULTI;
  if (setsockopt(fd_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) != 0) {
    return SocketError("all-multicast");
  }
  interfaces_.insert(ifindex);
  return absl::OkStatus();
}

void PacketSocket::RemoveInterface(uint32_t ifindex) {
  if (interfaces_.erase(ifindex) == 0) return;
  packet_mreq request = {};
  request.mr_ifindex = static_cast<int>(ifindex);
  request.mr_type = PACKET_MR_ALLMULTI;
  // Fails when the interface itself has gone, and then there is nothing to undo.
  setsockopt(fd_, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &request, sizeof request);
}

uint64_t PacketSocket::lost_total() {
  // The kernel counts from the last time that it was asked.
  tpacket_stats stats = {};
  socklen_t size = sizeof stats;
  if (getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) lost_ += stats.tp_drops;
  return lost_;
}

size_t PacketSocket::Receive(absl::FunctionRef<void(const ReceivedPacket&)> callback,
                             size_t packets_max) {
  size_t taken = 0;
  while (taken < packets_max) {
    buffers_->Reset();
    const size_t wanted = std::min(kBatch, packets_max - taken);
    const int count = recvmmsg(fd_, buffers_->headers.data(), static_cast<unsigned>(wanted),
                               MSG_DONTWAIT, nullptr);
    if (count <= 0) break;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      const mmsghdr& header = buffers_->headers[i];
      const sockaddr_ll& from = buffers_->names[i];
      ReceivedPacket packet;
      packet.ifindex = static_cast<uint32_t>(from.sll_ifindex);
      packet.outgoing = from.sll_pkttype == PACKET_OUTGOING;
      bool tagged = false;
      for (cmsghdr* part = CMSG_FIRSTHDR(&header.msg_hdr); part != nullptr;
           part = CMSG_NXTHDR(const_cast<msghdr*>(&header.msg_hdr), part)) {
        if (part->cmsg_level == SOL_PACKET && part->cmsg_type == PACKET_AUXDATA) {
          tpacket_auxdata auxdata;
          std::memcpy(&auxdata, CMSG_DATA(part), sizeof auxdata);
          tagged = (auxdata.tp_status & TP_STATUS_VLAN_VALID) != 0;
          packet.checksum_unfilled = (auxdata.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
        } else if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
          timespec time;
          std::memcpy(&time, CMSG_DATA(part), sizeof time);
          packet.received = absl::TimeFromTimespec(time);
        }
      }
      if (!interfaces_.contains(packet.ifindex)) continue;
      // With ETH_P_ALL the copy that this host loops back to itself comes in as PACKET_LOOPBACK
      // beside the outgoing one.
      const bool foreign =
          from.sll_pkttype == PACKET_OTHERHOST || from.sll_pkttype == PACKET_LOOPBACK;
      if (tagged || foreign || (header.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
        ++dropped_;
        continue;
      }
      packet.bytes = Bytes(buffers_->storage.data() + i * buffers_->size, header.msg_len);
      callback(packet);
    }
    taken += static_cast<size_t>(count);
    if (static_cast<size_t>(count) < wanted) break;
  }
  return taken;
}

}  // namespace headwater
