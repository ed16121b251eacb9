#include "services/common/net/leg_watch.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"

namespace headwater {
namespace {

struct Dump {
  std::map<std::string, InterfaceState> by_name;
  std::map<uint32_t, std::string> names;
};

// libmnl's own loop macro is C only.
template <typename Visit>
void ForEachAttribute(const nlmsghdr* message, size_t header_size, Visit visit) {
  mnl_attr_parse(
      message, static_cast<unsigned>(header_size),
      [](const nlattr* attribute, void* data) {
        (*static_cast<Visit*>(data))(attribute);
        return MNL_CB_OK;
      },
      &visit);
}

int ReadLink(const nlmsghdr* message, void* data) {
  auto& dump = *static_cast<Dump*>(data);
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  InterfaceState state;
  state.index = static_cast<uint32_t>(info->ifi_index);
  // IFF_RUNNING: a cable without carrier carries nothing.
  state.up = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0;
  std::string name;
  ForEachAttribute(message, sizeof *info, [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) == IFLA_IFNAME) name = mnl_attr_get_str(attribute);
    if (mnl_attr_get_type(attribute) == IFLA_MTU) state.mtu = mnl_attr_get_u32(attribute);
  });
  dump.names[state.index] = name;
  dump.by_name[name] = std::move(state);
  return MNL_CB_OK;
}

int ReadAddress(const nlmsghdr* message, void* data) {
  auto& dump = *static_cast<Dump*>(data);
  const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
  auto name = dump.names.find(info->ifa_index);
  if (name == dump.names.end()) return MNL_CB_OK;
  uint32_t flags = info->ifa_flags;
  Bytes local;
  Bytes address;
  ForEachAttribute(message, sizeof *info, [&](const nlattr* attribute) {
    const Bytes payload(static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)),
                        mnl_attr_get_payload_len(attribute));
    if (mnl_attr_get_type(attribute) == IFA_LOCAL) local = payload;
    if (mnl_attr_get_type(attribute) == IFA_ADDRESS) address = payload;
    if (mnl_attr_get_type(attribute) == IFA_FLAGS) flags = mnl_attr_get_u32(attribute);
  });
  // On point-to-point links IFA_ADDRESS is the peer's and IFA_LOCAL ours; IPv6 has IFA_LOCAL only
  // there.
  const std::optional<IpAddress> own = IpAddress::FromBytes(local.empty() ? address : local);
  if (!own) return MNL_CB_OK;
  const bool optimistic = (flags & IFA_F_OPTIMISTIC) != 0;
  dump.by_name[name->second].addresses.push_back(
      {.address = *own,
       .usable = (flags & IFA_F_DADFAILED) == 0 && ((flags & IFA_F_TENTATIVE) == 0 || optimistic),
       .deprecated = (flags & IFA_F_DEPRECATED) != 0,
       .temporary = own->is_v6() && (flags & IFA_F_TEMPORARY) != 0});
  return MNL_CB_OK;
}

absl::Status NetlinkError(const char* what) {
  return absl::UnavailableError(ToAbsl(fmt::format("netlink: {}: {}", what, std::strerror(errno))));
}

absl::Status Request(mnl_socket* socket, uint16_t type, mnl_cb_t callback, Dump& dump) {
  std::array<char, 32768> buffer;
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message->nlmsg_seq = type;
  auto* family = static_cast<rtgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtgenmsg)));
  family->rtgen_family = AF_UNSPEC;
  if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
    return NetlinkError("dump request");
  for (;;) {
    const ssize_t size = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (size < 0) return NetlinkError("dump");
    const int done = mnl_cb_run(buffer.data(), static_cast<size_t>(size), type,
                                mnl_socket_get_portid(socket), callback, &dump);
    if (done < 0) return NetlinkError("dump");
    if (done == MNL_CB_STOP) return absl::OkStatus();
  }
}

absl::StatusOr<Dump> ReadInterfaces() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return NetlinkError("socket");
  Dump dump;
  absl::Status status =
      mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? NetlinkError("bind") : absl::OkStatus();
  if (status.ok()) status = Request(socket, RTM_GETLINK, ReadLink, dump);
  if (status.ok()) status = Request(socket, RTM_GETADDR, ReadAddress, dump);
  mnl_socket_close(socket);
  if (!status.ok()) return status;
  return dump;
}

}  // namespace

LegWatch::LegWatch(EventLoop& loop, std::vector<LegConfig> configs, Callback on_change)
    : loop_(loop), configs_(std::move(configs)), on_change_(std::move(on_change)) {}

LegWatch::~LegWatch() {
  if (events_ == nullptr) return;
  loop_.RemoveFd(mnl_socket_get_fd(events_));
  mnl_socket_close(events_);
}

absl::StatusOr<std::unique_ptr<LegWatch>> LegWatch::Open(EventLoop& loop,
                                                         std::vector<LegConfig> configs,
                                                         Callback on_change) {
  std::unique_ptr<LegWatch> watch(new LegWatch(loop, std::move(configs), std::move(on_change)));
  RETURN_IF_ERROR(watch->Start());
  return watch;
}

absl::Status LegWatch::Start() {
  events_ = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (events_ == nullptr) return NetlinkError("socket");
  if (mnl_socket_bind(events_, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
                      MNL_SOCKET_AUTOPID) < 0) {
    return NetlinkError("bind");
  }
  loop_.AddFd(mnl_socket_get_fd(events_), EPOLLIN, [this](uint32_t) { OnReadable(); });
  return Refresh();
}

absl::Status LegWatch::Refresh() {
  ASSIGN_OR_RETURN(const Dump dump, ReadInterfaces());
  std::vector<Leg> legs;
  for (size_t i = 0; i < configs_.size(); ++i) {
    auto found = dump.by_name.find(configs_[i].interface);
    legs.push_back(ChooseLeg(configs_[i], found == dump.by_name.end() ? nullptr : &found->second,
                             i < legs_.size() ? &legs_[i] : nullptr));
  }
  std::swap(legs, legs_);
  return absl::OkStatus();
}

// What an event says is not read: the whole state is dumped anew, so that lost events (ENOBUFS) and
// reordering cannot leave a stale picture.
void LegWatch::OnReadable() {
  std::array<char, 32768> buffer;
  while (mnl_socket_recvfrom(events_, buffer.data(), buffer.size()) > 0 || errno == ENOBUFS) {
    errno = 0;
  }
  const std::vector<Leg> before = legs_;
  if (Refresh().ok() && legs_ != before && on_change_) on_change_();
}

const Leg* LegWatch::Find(const std::string& link) const {
  for (const Leg& leg : legs_) {
    if (leg.link == link) return &leg;
  }
  return nullptr;
}

const Leg* LegWatch::FindByIndex(uint32_t ifindex) const {
  for (const Leg& leg : legs_) {
    if (leg.ifindex == ifindex && ifindex != 0) return &leg;
  }
  return nullptr;
}

}  // namespace headwater
