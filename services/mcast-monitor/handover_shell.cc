#include "services/mcast-monitor/handover_shell.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "services/common/base/absl_text.h"
#include "services/common/time/clock.h"

namespace headwater::monitor {
namespace {

// A daemon on this host by its loopback address: its socket can be looked at.
bool IsVisible(const HandoverOptions& options) { return options.target.address.IsLoopback(); }

// Of the loopback interface, in every network namespace (LOOPBACK_IFINDEX in the kernel).
constexpr unsigned kLoopbackIndex = 1;

bool Set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// The address in /proc/net/udp: words of 32 bits in the host's order.
std::string ProcAddress(const IpAddress& address) {
  std::string text;
  const Bytes bytes = address.bytes();
  for (size_t i = 0; i < bytes.size(); i += 4) {
    uint32_t word;
    std::memcpy(&word, bytes.data() + i, 4);
    fmt::format_to(std::back_inserter(text), "{:08X}", word);
  }
  return text;
}

// The socket that a datagram to `target` goes to, from one of the kernel's tables: bound to the
// address, or else to any.
std::optional<DaemonSocket> FindIn(const char* table, const Endpoint& target) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(table, "re"), std::fclose);
  if (!file) return std::nullopt;
  const std::string exact = ProcAddress(target.address);
  // Several sockets that share the port are taken for one.
  std::optional<DaemonSocket> bound, any;
  std::array<char, 512> line;
  while (std::fgets(line.data(), line.size(), file.get()) != nullptr) {
    std::array<char, 33> local;
    unsigned port = 0, peer_port = 0;
    unsigned long queued = 0, inode = 0, drops = 0;
    const int fields = std::sscanf(
        line.data(),
        "%*s %32[0-9A-F]:%x %*[0-9A-F]:%x %*x %*x:%lx %*x:%*x %*x %*u %*u %lu %*d %*x %lu",
        local.data(), &port, &peer_port, &queued, &inode, &drops);
    if (fields < 6 || port != target.port || peer_port != 0) continue;
    const std::string_view address(local.data());
    const bool unspecified = address.find_first_not_of('0') == std::string_view::npos;
    if (address != exact && !unspecified) continue;
    std::optional<DaemonSocket>& found = address == exact ? bound : any;
    if (!found) found.emplace();
    found->inode ^= inode;
    found->unread += queued;
    found->drops += drops;
  }
  return bound ? bound : any;
}

std::optional<DaemonSocket> FindSocket(const Endpoint& target) {
  if (target.address.is_v6()) return FindIn("/proc/net/udp6", target);
  if (auto found = FindIn("/proc/net/udp", target)) return found;
  // Bound to any address of both families.
  return FindIn("/proc/net/udp6", {IpAddress(), target.port});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Handover>> Handover::Open(EventLoop& loop, Logger& log,
                                                         const HandoverOptions& options) {
  const bool v4 = options.target.address.is_v4();
  const auto failed = [&](const char* what) {
    const std::string text = fmt::format("handover to {}: {}: {}", options.target.ToString(), what,
                                         std::strerror(errno));
    return errno == EPERM ? absl::PermissionDeniedError(ToAbsl(text))
                          : absl::UnavailableError(ToAbsl(text));
  };
  const int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed("socket");
  std::unique_ptr<Handover> made(new Handover(loop, log, options, fd));
  // Then any address may be sent from, also once privileges are gone.
  if (options.keep_source &&
      !(v4 ? Set(fd, IPPROTO_IP, IP_TRANSPARENT, 1) : Set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1))) {
    return failed("keep_source needs CAP_NET_RAW");
  }
  sockaddr_storage address;
  const socklen_t size = ToSockaddr(options.target, 0, address);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return failed("connect");
  return made;
}

Handover::Handover(EventLoop& loop, Logger& log, const HandoverOptions& options, int fd)
    : loop_(loop),
      log_(log),
      options_(options),
      fd_(fd),
      queue_(options.queue, IsVisible(options)) {}

Handover::~Handover() {
  loop_.Cancel(timer_);
  close(fd_);
}

void Handover::Push(Bytes bytes, const Endpoint& source) {
  is_full_ = !queue_.Push(bytes, source);
  Run();
}

void Handover::Run() {
  const MonoTime now = MonoNow();
  if (queue_.WantsLook(now)) queue_.OnLook(FindSocket(options_.target), now);
  while (const ForwardQueue::Datagram* next = queue_.Next(now)) {
    switch (SendOne(*next)) {
      case Sent::kSent:
        queue_.OnSent(now);
        break;
      case Sent::kRefused:
        queue_.OnRefused(now);
        break;
      case Sent::kUnsendable:
        log_.Warning("handover: a datagram cannot be sent and is dropped",
                     {{"target", options_.target.ToString()},
                      {"source", next->source.ToString()},
                      {"bytes", next->bytes.size()},
                      {"error", std::strerror(errno)}});
        queue_.OnUnsendable();
        break;
    }
  }
  Report();
  const MonoTime next = queue_.NextDeadline();
  if (next == timer_at_) return;
  loop_.Cancel(timer_);
  timer_ = 0;
  timer_at_ = next;
  if (next == kNever) return;
  timer_ = loop_.At(next, [this] {
    timer_at_ = kNever;
    Run();
  });
}

// Refused when nobody listens there: on the loopback the kernel knows as soon as it has been sent.
Handover::Sent Handover::SendOne(const ForwardQueue::Datagram& datagram) {
  iovec vector = {const_cast<uint8_t*>(datagram.bytes.data()), datagram.bytes.size()};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
  const IpAddress& source = datagram.source.address;
  // A link-local source is one of some interface (RFC 4007 section 6): of the loopback's, since it
  // is from there that the daemon hears it. To another host it cannot be.
  const bool local = source.is_v6() && source.IsLinkLocal();
  const bool keep = options_.keep_source && source.family() == options_.target.address.family() &&
                    (!local || IsVisible(options_));
  if (keep) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (source.is_v4()) {
      in_pktinfo info = {};
      std::memcpy(&info.ipi_spec_dst, source.bytes().data(), 4);
      header->cmsg_level = IPPROTO_IP;
      header->cmsg_type = IP_PKTINFO;
      header->cmsg_len = CMSG_LEN(sizeof info);
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
      message.msg_controllen = CMSG_SPACE(sizeof info);
    } else {
      in6_pktinfo info = {};
      info.ipi6_ifindex = local ? kLoopbackIndex : 0;
      std::memcpy(&info.ipi6_addr, source.bytes().data(), 16);
      header->cmsg_level = IPPROTO_IPV6;
      header->cmsg_type = IPV6_PKTINFO;
      header->cmsg_len = CMSG_LEN(sizeof info);
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    }
  }
  const auto sent = sendmsg(fd_, &message, MSG_DONTWAIT);
  if (sent < 0 && (errno == EINVAL || errno == EMSGSIZE)) return Sent::kUnsendable;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  return sent == static_cast<ssize_t>(datagram.bytes.size()) && error == 0 ? Sent::kSent
                                                                           : Sent::kRefused;
}

// A line when it goes and comes, and when the queue begins to overflow and has room again.
void Handover::Report() {
  const auto target = [this] { return options_.target.ToString(); };
  if (queue_.up() != was_up_) {
    was_up_ = queue_.up();
    if (was_up_) {
      log_.Info("handover: the daemon is back", {{"target", target()}, {"queued", queue_.size()}});
    } else {
      log_.Warning("handover: nobody listens; what comes is queued", {{"target", target()}});
    }
  }
  if (is_full_ && !was_full_) {
    was_full_ = true;
    log_.Warning("handover: the queue is full; what comes is dropped",
                 {{"target", target()}, {"queued", queue_.size()}});
  }
  if (was_full_ && queue_.size() < options_.queue.datagrams_max / 2) {
    was_full_ = false;
    log_.Info("handover: the queue has room again",
              {{"target", target()}, {"dropped_total", queue_.stats().dropped}});
  }
  is_full_ = false;
}

}  // namespace headwater::monitor
