#include "services/sap-announcer/rtsp_shell.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace headwater {
namespace {

constexpr int kBacklog = 64;
// Taken in one turn of the loop.
constexpr int kAcceptsPerTurn = 16;
constexpr Duration kPause = 1s;

bool SetInt(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// IPv4 and IPv6 by one socket. -1 with errno.
int OpenListener(uint16_t port, uint32_t ifindex) {
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_in6 any = {};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (SetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) && SetInt(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
      SetInt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, static_cast<int>(ifindex)) &&
      bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 &&
      listen(fd, kBacklog) == 0) {
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// An IPv4 peer of a socket for both families is ::ffff:a.b.c.d.
IpAddress Plain(const sockaddr_in6& address) {
  const auto plain = IpAddress::FromSockaddr(reinterpret_cast<const sockaddr*>(&address));
  if (!plain || !IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) return plain.value_or(IpAddress());
  return IpAddress::V4(plain->low32());
}

}  // namespace

RtspShell::RtspShell(EventLoop& loop, Logger& log, AnnouncerMetrics& metrics,
                     const Announcer& announcer, Options options)
    : loop_(loop),
      log_(log),
      metrics_(metrics),
      options_(std::move(options)),
      server_(announcer, options_.seed) {}

RtspShell::~RtspShell() {
  loop_.Cancel(timer_);
  loop_.Cancel(resume_);
  while (!connections_.empty()) Close(connections_.begin()->first);
  for (const auto& [link, listener] : listeners_) {
    loop_.RemoveFd(listener.fd);
    close(listener.fd);
  }
}

void RtspShell::SetLegs(const std::vector<Leg>& legs) {
  legs_ = legs;
  Listen("", if_nametoindex("lo"));
  for (const Leg& leg : legs) Listen(leg.link, leg.ifindex);
}

void RtspShell::Listen(const std::string& link, uint32_t ifindex) {
  const auto old = listeners_.find(link);
  if (old != listeners_.end()) {
    if (old->second.ifindex == ifindex) return;
    loop_.RemoveFd(old->second.fd);
    close(old->second.fd);
    listeners_.erase(old);
  }
  if (ifindex == 0) return;
  const int fd = OpenListener(options_.port, ifindex);
  if (fd < 0) {
    log_.Warning("cannot listen for RTSP",
                 {{"link", link}, {"port", options_.port}, {"error", strerror(errno)}});
    return;
  }
  listeners_[link] = {.fd = fd, .ifindex = ifindex};
  loop_.AddFd(fd, EPOLLIN, [this, link](uint32_t) { OnIncoming(link); });
}

void RtspShell::OnIncoming(const std::string& link) {
  const int listener = listeners_.at(link).fd;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_in6 peer = {};
    socklen_t size = sizeof peer;
    const int fd =
        accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      return Pause(listener);
    }
    if (fd < 0) break;
    sockaddr_in6 local = {};
    size = sizeof local;
    getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);
    const ConnectionId id = next_id_++;
    const RtspServer::Peer from = {.link = link.empty() ? LinkOf(Plain(local)) : link,
                                   .address = Plain(peer)};
    if (!server_.OnConnect(id, from, options_.now().mono)) {
      close(fd);
      continue;
    }
    connections_[id] = {.fd = fd, .unsent = {}};
    loop_.AddFd(fd, EPOLLIN, [this, id](uint32_t events) { OnReady(id, events); });
  }
  Rearm();
}

// Without descriptors the kernel would tell of the same connection again and again.
void RtspShell::Pause(int fd) {
  loop_.ModifyFd(fd, 0);
  loop_.Cancel(resume_);
  resume_ = loop_.At(loop_.now() + kPause, [this] {
    for (const auto& [link, listener] : listeners_) loop_.ModifyFd(listener.fd, EPOLLIN);
  });
}

std::string RtspShell::LinkOf(const IpAddress& local) const {
  for (const Leg& leg : legs_) {
    if (leg.service_ipv4 == local || leg.service_ipv6 == local) return leg.link;
    if (std::find(leg.addresses.begin(), leg.addresses.end(), local) != leg.addresses.end()) {
      return leg.link;
    }
  }
  return legs_.empty() ? std::string() : legs_.front().link;
}

void RtspShell::OnReady(ConnectionId id, uint32_t events) {
  Connection& connection = connections_.at(id);
  if ((events & EPOLLOUT) == 0) return Read(id);
  if (!Write(connection)) return Close(id);
  if (connection.unsent.empty()) loop_.ModifyFd(connection.fd, EPOLLIN);
}

void RtspShell::Read(ConnectionId id) {
  std::array<uint8_t, 4096> buffer;
  const ssize_t size = recv(connections_.at(id).fd, buffer.data(), buffer.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return Close(id);
  RtspServer::Actions actions;
  server_.OnBytes(id, Bytes(buffer.data(), static_cast<size_t>(size)), options_.now(), actions);
  Perform(actions);
}

bool RtspShell::Write(Connection& connection) {
  const ssize_t size =
      send(connection.fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  connection.unsent.erase(0, static_cast<size_t>(size));
  return true;
}

void RtspShell::Answer(uint64_t question, RtspServer::Answer answer) {
  RtspServer::Actions actions;
  server_.OnAnswer(question, std::move(answer), options_.now(), actions);
  Perform(actions);
}

void RtspShell::Perform(const RtspServer::Actions& actions) {
  std::vector<ConnectionId> closes = actions.closes;
  for (const auto& [id, bytes] : actions.sends) {
    Connection& connection = connections_.at(id);
    const bool was_waiting = !connection.unsent.empty();
    // No more than what few requests are answered by: nothing is read while something waits.
    connection.unsent += bytes;
    if (was_waiting) continue;
    if (!Write(connection)) {
      closes.push_back(id);
    } else if (!connection.unsent.empty()) {
      loop_.ModifyFd(connection.fd, EPOLLOUT);
    }
  }
  for (const ConnectionId id : closes) Close(id);
  for (const uint64_t question : actions.questions) on_question_(question);
  Rearm();
}

void RtspShell::Close(ConnectionId id) {
  const auto connection = connections_.find(id);
  if (connection == connections_.end()) return;
  loop_.RemoveFd(connection->second.fd);
  close(connection->second.fd);
  connections_.erase(connection);
  server_.OnClosed(id);
  metrics_.Update(server_);
}

void RtspShell::Rearm() {
  metrics_.Update(server_);
  loop_.Cancel(timer_);
  timer_ = 0;
  const MonoTime deadline = server_.NextDeadline();
  if (deadline == kNever) return;
  timer_ = loop_.At(deadline, [this] {
    RtspServer::Actions actions;
    server_.OnTime(options_.now(), actions);
    Perform(actions);
  });
}

}  // namespace headwater
