#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/net/ip_address.h"
#include "services/dvb-tuner/input_shell.h"
#include "services/dvb-tuner/satip_search.h"
#include "services/dvb-tuner/satip_session.h"

namespace headwater::tuner {
namespace {

int Bound(int family, uint16_t port) {
  const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_storage address;
  const IpAddress any = family == AF_INET ? IpAddress::V4(0) : IpAddress();
  const socklen_t size = ToSockaddr({any, port}, 0, address);
  if (fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

uint16_t PortOf(int fd) {
  sockaddr_storage address;
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
  return ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

class SatipShell final : public InputShell {
 public:
  SatipShell(EventLoop& loop, Endpoint server, std::string query, Callbacks callbacks)
      : loop_(loop),
        server_(server),
        query_(std::move(query)),
        callbacks_(std::move(callbacks)),
        family_(server.address.is_v4() ? AF_INET : AF_INET6) {}
  ~SatipShell() override {
    if (session_ && connected_) Send(session_->End());
    loop_.Cancel(timer_);
    for (const int fd : {control_fd_, status_fd_, search_fd_}) {
      if (fd < 0) continue;
      loop_.RemoveFd(fd);
      close(fd);
    }
  }

  absl::Status Open(const std::optional<IpAddress>& search_from) {
    if (absl::Status ports = OpenPorts(); !ports.ok()) return ports;
    loop_.AddFd(status_fd_, EPOLLIN, [this](uint32_t) { OnStatus(); });
    return server_.port == 0 ? Search(search_from) : Connect();
  }

  // 1328: seven packets behind an RTP header.
  std::string dvblast_input() const override {
    return fmt::format("{}:{}/mtu=1328", family_ == AF_INET ? "0.0.0.0" : "[::]", port_);
  }

 private:
  static constexpr Duration kConnectPatience = 5s;
  static constexpr Duration kSearchInterval = 1s;
  static constexpr int kSearches = 5;
  static constexpr uint16_t kRtspPort = 554;

  // Asks for a server from one of our addresses, or from where the routes lead; the first that
  // answers is taken.
  absl::Status Search(const std::optional<IpAddress>& from) {
    search_fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (from) {
      in_addr own = {};
      std::memcpy(&own, from->bytes().data(), sizeof(own));
      setsockopt(search_fd_, IPPROTO_IP, IP_MULTICAST_IF, &own, sizeof(own));
    }
    loop_.AddFd(search_fd_, EPOLLIN, [this](uint32_t) { OnSearchAnswer(); });
    AskOnce(kSearches);
    return absl::OkStatus();
  }

  void AskOnce(int left) {
    timer_ = 0;
    if (left == 0) return Tell("no SAT>IP server has answered the search");
    sockaddr_storage group;
    const Endpoint to = {IpAddress::Parse(kSearchGroup).value_or(IpAddress()), kSearchPort};
    const socklen_t size = ToSockaddr(to, 0, group);
    const std::string text = SatipSearch();
    static_cast<void>(sendto(search_fd_, text.data(), text.size(), MSG_NOSIGNAL,
                             reinterpret_cast<sockaddr*>(&group), size));
    timer_ = loop_.At(loop_.now() + kSearchInterval, [this, left] { AskOnce(left - 1); });
  }

  void OnSearchAnswer() {
    std::array<uint8_t, 2048> buffer;
    sockaddr_storage from = {};
    socklen_t length = sizeof(from);
    const ssize_t size = recvfrom(search_fd_, buffer.data(), buffer.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &length);
    if (size <= 0 || !IsSatipServer(Bytes(buffer).first(static_cast<size_t>(size)))) return;
    const auto address = IpAddress::FromSockaddr(reinterpret_cast<sockaddr*>(&from));
    if (!address) return;
    server_ = {*address, kRtspPort};
    loop_.Cancel(timer_);
    loop_.RemoveFd(search_fd_);
    if (absl::Status connected = Connect(); !connected.ok()) {
      Tell(std::string(FromAbsl(connected.message())));
    }
  }

  absl::Status Connect() {
    control_fd_ = socket(family_, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_storage address;
    const socklen_t size = ToSockaddr(server_, 0, address);
    if (connect(control_fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 &&
        errno != EINPROGRESS) {
      return absl::UnavailableError(
          fmt::format("SAT>IP server {}: {}", server_.ToString(), std::strerror(errno)));
    }
    loop_.AddFd(control_fd_, EPOLLOUT, [this](uint32_t) { OnControl(); });
    session_.emplace(server_.ToString(), query_, port_);
    timer_ = loop_.At(loop_.now() + kConnectPatience, [this] { Fail("no connection"); });
    return absl::OkStatus();
  }

  // An even port that dvblast will take, and the next one for RTCP (RFC 3550 section 11), which is
  // ours.
  absl::Status OpenPorts() {
    constexpr int kTries = 64;
    for (int i = 0; i < kTries; ++i) {
      const int any = Bound(family_, 0);
      if (any < 0) break;
      port_ = static_cast<uint16_t>(PortOf(any) & ~1);
      close(any);
      const int media = Bound(family_, port_);
      status_fd_ = Bound(family_, static_cast<uint16_t>(port_ + 1));
      if (media >= 0) close(media);
      if (media >= 0 && status_fd_ >= 0) return absl::OkStatus();
      if (status_fd_ >= 0) close(std::exchange(status_fd_, -1));
    }
    return absl::UnavailableError("no pair of ports for RTP is free");
  }

  void OnControl() {
    if (!connected_) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(control_fd_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return Fail(std::strerror(error));
      connected_ = true;
      loop_.ModifyFd(control_fd_, EPOLLIN);
      Send(session_->Begin(loop_.now()));
      return Rearm();
    }
    std::array<uint8_t, 4096> buffer;
    const ssize_t size = recv(control_fd_, buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return Fail("it has closed the connection");
    Send(session_->OnBytes(Bytes(buffer).first(static_cast<size_t>(size)), loop_.now()));
    Rearm();
  }

  void OnStatus() {
    std::array<uint8_t, 1500> buffer;
    const ssize_t size = recv(status_fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0) return;
    if (const auto signal = ParseSatipStatus(Bytes(buffer).first(static_cast<size_t>(size)))) {
      callbacks_.on_signal(*signal);
    }
  }

  // A request is far smaller than what a socket holds.
  void Send(const std::string& text) {
    if (!text.empty()) {
      static_cast<void>(send(control_fd_, text.data(), text.size(), MSG_NOSIGNAL));
    }
  }

  void Rearm() {
    loop_.Cancel(timer_);
    timer_ = 0;
    if (!session_->error().empty()) return Tell(session_->error());
    const MonoTime deadline = session_->NextDeadline();
    if (deadline == kNever) return;
    timer_ = loop_.At(deadline, [this] {
      Send(session_->OnTime(loop_.now()));
      Rearm();
    });
  }

  void Fail(const std::string& why) {
    Tell(fmt::format("SAT>IP server {}: {}", server_.ToString(), why));
  }
  void Tell(const std::string& error) {
    if (control_fd_ >= 0) loop_.RemoveFd(control_fd_);
    if (!std::exchange(told_, true)) callbacks_.on_failure(error);
  }

  EventLoop& loop_;
  Endpoint server_;  // port 0: to be searched for
  const std::string query_;
  Callbacks callbacks_;
  const int family_;
  int control_fd_ = -1;
  int status_fd_ = -1;
  int search_fd_ = -1;
  uint16_t port_ = 0;
  bool connected_ = false;
  bool told_ = false;
  std::optional<SatipSession> session_;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<InputShell>> OpenSatip(EventLoop& loop, const TunerOptions& tuner,
                                                      const Carrier& carrier,
                                                      InputShell::Callbacks callbacks) {
  const auto query = SatipQuery(carrier, tuner.server_frontend);
  if (!query) {
    return absl::InvalidArgumentError(fmt::format("SAT>IP has no {}", Name(carrier.system)));
  }
  // Without an address it is searched for, by IPv4.
  const Endpoint server = {IpAddress::Parse(tuner.server).value_or(IpAddress::V4(0)),
                           tuner.server.empty() ? uint16_t{0} : tuner.server_port};
  auto shell = std::make_unique<SatipShell>(loop, server, *query, std::move(callbacks));
  if (absl::Status opened = shell->Open(IpAddress::Parse(tuner.search_from)); !opened.ok()) {
    return opened;
  }
  return shell;
}

}  // namespace headwater::tuner
