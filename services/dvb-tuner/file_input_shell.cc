#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "services/common/mpegts/ts_packet.h"
#include "services/common/net/ip_address.h"
#include "services/common/time/clock.h"
#include "services/dvb-tuner/input_shell.h"
#include "services/dvb-tuner/stream_pacer.h"

namespace headwater::tuner {
namespace {

constexpr size_t kDatagramSize = 7 * mpegts::kPacketSize;
// A wake-up sends what is due in one go.
constexpr Duration kStep = 5ms;
// Behind by more than this (the machine slept), time begins anew.
constexpr Duration kBehindMax = 1s;

class FileInputShell final : public InputShell {
 public:
  FileInputShell(EventLoop& loop, int file, int socket, uint16_t port, Callbacks callbacks)
      : loop_(loop), file_(file), socket_(socket), port_(port), callbacks_(std::move(callbacks)) {
    timer_ = loop_.At(loop_.now() + kStep, [this] { OnTimer(); });
  }
  ~FileInputShell() override {
    loop_.Cancel(timer_);
    close(file_);
    close(socket_);
  }
  std::string dvblast_input() const override {
    return fmt::format("127.0.0.1:{}/udp/mtu={}", port_, kDatagramSize);
  }

 private:
  void OnTimer() {
    if (began_ == MonoTime{} || loop_.now() - began_ > due_ + kBehindMax)
      began_ = loop_.now() - due_;
    while (due_ <= loop_.now() - began_) {
      if (!SendNext()) return;
    }
    timer_ = loop_.At(loop_.now() + kStep, [this] { OnTimer(); });
  }

  bool SendNext() {
    std::array<uint8_t, kDatagramSize> datagram;
    ssize_t size = read(file_, datagram.data(), datagram.size());
    size -= size % static_cast<ssize_t>(mpegts::kPacketSize);
    if (size <= 0) {
      if (!std::exchange(at_start_, true) && lseek(file_, 0, SEEK_SET) == 0) return true;
      timer_ = 0;
      callbacks_.on_failure("the file has no transport stream");
      return false;
    }
    Bytes rest = Bytes(datagram).first(static_cast<size_t>(size));
    for (; !rest.empty(); rest = rest.subspan(mpegts::kPacketSize)) {
      const auto packet = mpegts::ParsePacket(rest);
      if (packet.ok()) at_start_ = false;
      due_ = pacer_.OnPacket(packet.ok() ? *packet : mpegts::Packet());
    }
    static_cast<void>(send(socket_, datagram.data(), static_cast<size_t>(size), MSG_NOSIGNAL));
    return true;
  }

  EventLoop& loop_;
  const int file_;
  const int socket_;
  const uint16_t port_;
  Callbacks callbacks_;
  StreamPacer pacer_;
  MonoTime began_{};
  Duration due_{};
  // Nothing of use has been read since.
  bool at_start_ = true;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<InputShell>> OpenFile(EventLoop& loop, const std::string& path,
                                                     InputShell::Callbacks callbacks) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return absl::NotFoundError(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  // A port that is free now: dvblast binds it in a moment.
  sockaddr_storage address;
  socklen_t size = ToSockaddr({IpAddress::V4(INADDR_LOOPBACK), 0}, 0, address);
  const int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in bound = {};
  bool ready = bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0;
  size = sizeof(bound);
  ready = ready && getsockname(probe, reinterpret_cast<sockaddr*>(&bound), &size) == 0;
  close(probe);
  const int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!ready || connect(out, reinterpret_cast<sockaddr*>(&bound), sizeof(bound)) != 0) {
    close(file);
    if (out >= 0) close(out);
    return absl::UnavailableError("no loopback socket for the file");
  }
  return std::make_unique<FileInputShell>(loop, file, out, ntohs(bound.sin_port),
                                          std::move(callbacks));
}

}  // namespace headwater::tuner
