#include "services/rtp-packager/feed_socket.h"

#include <absl/strings/str_cat.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace headwater::packager {
namespace {

constexpr size_t kBatch = 32;
// Jumbo frames included: seven packets are 1316.
constexpr size_t kDatagramMax = 9000;
// Half a second of 30 Mbit/s, where the host allows as much (net.core.rmem_max).
constexpr int kReceiveBuffer = 2 << 20;

uint64_t DroppedOf(int fd) {
  std::array<uint32_t, SK_MEMINFO_VARS> values = {};
  socklen_t size = sizeof values;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values.data(), &size) != 0) return 0;
  return values[SK_MEMINFO_DROPS];
}

}  // namespace

struct FeedSockets::Batch {
  Batch() {
    for (size_t i = 0; i < kBatch; ++i) {
      parts[i] = {bytes[i].data(), bytes[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &names[i];
    }
  }
  std::array<mmsghdr, kBatch> messages = {};
  std::array<iovec, kBatch> parts = {};
  std::array<sockaddr_storage, kBatch> names = {};
  std::array<std::array<uint8_t, kDatagramMax>, kBatch> bytes;
  std::array<FeedDatagram, kBatch> datagrams;
};

class FeedSockets::Socket : public Feed {
 public:
  Socket(FeedSockets& owner, int fd, const Endpoint& endpoint)
      : owner_(owner), fd_(fd), endpoint_(endpoint) {
    owner_.open_.insert(this);
  }
  ~Socket() override {
    owner_.open_.erase(this);
    owner_.dropped_before_ += DroppedOf(fd_);
    owner_.loop_.RemoveFd(fd_);
    close(fd_);
  }
  const Endpoint& endpoint() const override { return endpoint_; }
  int fd() const { return fd_; }

 private:
  FeedSockets& owner_;
  const int fd_;
  const Endpoint endpoint_;
};

FeedSockets::FeedSockets(EventLoop& loop, const FeedOptions& options,
                         std::function<void()> after_batch)
    : loop_(loop),
      options_(options),
      after_batch_(std::move(after_batch)),
      batch_(std::make_unique<Batch>()) {}

FeedSockets::~FeedSockets() = default;

absl::StatusOr<int> FeedSockets::Bind(uint16_t& port) const {
  const bool v6 = options_.address.is_v6();
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "a socket for a feed");
  sockaddr_storage name;
  socklen_t size = ToSockaddr({options_.address, port}, 0, name);
  auto* address = reinterpret_cast<sockaddr*>(&name);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  if (bind(fd, address, size) != 0 || getsockname(fd, address, &size) != 0) {
    const int error = errno;
    close(fd);
    return absl::ErrnoToStatus(
        error, absl::StrCat("a feed at ", Endpoint{options_.address, port}.ToString()));
  }
  port = ntohs(v6 ? reinterpret_cast<sockaddr_in6*>(&name)->sin6_port
                  : reinterpret_cast<sockaddr_in*>(&name)->sin_port);
  return fd;
}

absl::StatusOr<std::unique_ptr<Feed>> FeedSockets::Open(FeedReceiver& receiver) {
  uint16_t port = options_.port_first;
  absl::StatusOr<int> fd = Bind(port);
  while (!fd.ok() && port < options_.port_last) {
    ++port;
    fd = Bind(port);
  }
  if (!fd.ok()) return fd.status();
  loop_.AddFd(*fd, EPOLLIN, [this, fd = *fd, &receiver](uint32_t) { Read(fd, receiver); });
  return std::make_unique<Socket>(*this, *fd, Endpoint{options_.address, port});
}

void FeedSockets::Read(int fd, FeedReceiver& receiver) {
  for (mmsghdr& message : batch_->messages) message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  const int count = recvmmsg(fd, batch_->messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const auto from = IpAddress::FromSockaddr(reinterpret_cast<sockaddr*>(&batch_->names[i]));
    batch_->datagrams[i] = {.from = from.value_or(IpAddress()),
                            .bytes = Bytes(batch_->bytes[i]).first(batch_->messages[i].msg_len),
                            .truncated = (batch_->messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0};
  }
  receiver.OnFeed(std::span(batch_->datagrams).first(static_cast<size_t>(count)));
  after_batch_();
}

uint64_t FeedSockets::dropped_total() const {
  uint64_t sum = dropped_before_;
  for (const Socket* each : open_) sum += DroppedOf(each->fd());
  return sum;
}

}  // namespace headwater::packager
