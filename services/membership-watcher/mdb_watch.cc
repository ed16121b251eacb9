#include "services/membership-watcher/mdb_watch.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "services/common/base/absl_text.h"

namespace headwater::membership {
namespace {

// A burst of joins behind the bridge: some 130 bytes a row, and what the kernel adds to it.
constexpr int kReceiveBytes = 8 << 20;
constexpr uint32_t kSequence = 1;

absl::Status NetlinkError(const char* what) {
  return absl::UnavailableError(
      ToAbsl(fmt::format("multicast database: {}: {}", what, std::strerror(errno))));
}

void Decode(const nlmsghdr* message, std::vector<MdbRow>& rows) {
  // The kernel's word; what it might cut off a whole reading brings again.
  (void)DecodeMdb({static_cast<const uint8_t*>(mnl_nlmsg_get_payload(message)),
                   mnl_nlmsg_get_payload_len(message)},
                  rows);
}

}  // namespace

MdbWatch::MdbWatch(EventLoop& loop, Callback on_events, mnl_socket* events)
    : loop_(loop), on_events_(std::move(on_events)), events_(events) {
  loop_.AddFd(mnl_socket_get_fd(events_), EPOLLIN, [this](uint32_t) { OnReadable(); });
}

MdbWatch::~MdbWatch() {
  loop_.RemoveFd(mnl_socket_get_fd(events_));
  mnl_socket_close(events_);
}

absl::StatusOr<std::unique_ptr<MdbWatch>> MdbWatch::Open(EventLoop& loop, Callback on_events) {
  mnl_socket* events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (events == nullptr) return NetlinkError("socket");
  int group = RTNLGRP_MDB;
  if (mnl_socket_bind(events, 0, MNL_SOCKET_AUTOPID) < 0 ||
      mnl_socket_setsockopt(events, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
    const absl::Status status = NetlinkError("bind");
    mnl_socket_close(events);
    return status;
  }
  // As much as the machine allows; more with CAP_NET_ADMIN, which is not needed.
  setsockopt(mnl_socket_get_fd(events), SOL_SOCKET, SO_RCVBUF, &kReceiveBytes,
             sizeof kReceiveBytes);
  return std::unique_ptr<MdbWatch>(new MdbWatch(loop, std::move(on_events), events));
}

absl::StatusOr<std::vector<MdbRow>> MdbWatch::ReadAll() const {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return NetlinkError("socket");
  const std::unique_ptr<mnl_socket, decltype(&mnl_socket_close)> owned(socket, mnl_socket_close);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return NetlinkError("bind");
  std::array<char, 32768> buffer;
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETMDB;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = kSequence;
  auto* header =
      static_cast<br_port_msg*>(mnl_nlmsg_put_extra_header(request, sizeof(br_port_msg)));
  header->family = PF_BRIDGE;
  if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) return NetlinkError("request");
  std::vector<MdbRow> rows;
  for (int state = MNL_CB_OK; state > MNL_CB_STOP;) {
    const ssize_t size = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (size < 0) return NetlinkError("answer");
    state = mnl_cb_run(
        buffer.data(), static_cast<size_t>(size), kSequence, mnl_socket_get_portid(socket),
        [](const nlmsghdr* message, void* data) {
          Decode(message, *static_cast<std::vector<MdbRow>*>(data));
          return MNL_CB_OK;
        },
        &rows);
    if (state == MNL_CB_ERROR) return NetlinkError("answer");
  }
  return rows;
}

void MdbWatch::OnReadable() {
  std::vector<Event> events;
  std::array<char, 32768> buffer;
  for (;;) {
    const ssize_t size = mnl_socket_recvfrom(events_, buffer.data(), buffer.size());
    if (size < 0 && errno == ENOBUFS) {
      events.push_back({});
      continue;
    }
    if (size <= 0) break;
    int left = static_cast<int>(size);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      Event event{.rows = {}, .gone = message->nlmsg_type == RTM_DELMDB};
      if (event.gone || message->nlmsg_type == RTM_NEWMDB) Decode(message, event.rows);
      if (!event.rows.empty()) events.push_back(std::move(event));
    }
  }
  if (!events.empty()) on_events_(events);
}

}  // namespace headwater::membership
