#include "services/dvb-tuner/control_socket_shell.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

namespace headwater::tuner {
namespace {

// dvblast answers between two packets; when it does not, it has ended or hangs.
constexpr Duration kTimeout = 1s;

bool Address(const std::string& path, sockaddr_un& out) {
  std::memset(&out, 0, sizeof(out));
  out.sun_family = AF_UNIX;
  if (path.size() >= sizeof(out.sun_path)) return false;
  std::memcpy(out.sun_path, path.data(), path.size());
  return true;
}

}  // namespace

ControlSocketShell::ControlSocketShell(EventLoop& loop, std::string peer, std::string own)
    : loop_(loop), peer_(std::move(peer)), own_(std::move(own)) {}

ControlSocketShell::~ControlSocketShell() {
  loop_.Cancel(timeout_);
  CloseSocket();
}

bool ControlSocketShell::Open() {
  if (fd_ >= 0) return true;
  sockaddr_un own, peer;
  bound_ = own_ + std::to_string(opened_++ % 10);
  if (!Address(bound_, own) || !Address(peer_, peer)) return false;
  fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  unlink(bound_.c_str());
  if (bind(fd_, reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0 ||
      connect(fd_, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) != 0) {
    close(std::exchange(fd_, -1));
    unlink(bound_.c_str());
    return false;
  }
  loop_.AddFd(fd_, EPOLLIN, [this](uint32_t) { Read(); });
  assembler_ = {};
  return true;
}

void ControlSocketShell::CloseSocket() {
  if (fd_ < 0) return;
  loop_.RemoveFd(fd_);
  close(std::exchange(fd_, -1));
  unlink(bound_.c_str());
}

void ControlSocketShell::Ask(std::vector<uint8_t> request, OnReply on_reply) {
  if (waiting_.size() >= kWaitingMax) return;
  waiting_.push_back({std::move(request), std::move(on_reply)});
  if (!asking_) AskNext();
}

void ControlSocketShell::AskNext() {
  if (waiting_.empty()) return;
  asking_ = true;
  const std::vector<uint8_t>& request = waiting_.front().request;
  const bool sent = Open() && send(fd_, request.data(), request.size(), MSG_NOSIGNAL) ==
                                  static_cast<ssize_t>(request.size());
  if (!sent) CloseSocket();
  timeout_ = loop_.At(sent ? loop_.now() + kTimeout : loop_.now(), [this] {
    CloseSocket();
    Answer(std::nullopt);
  });
}

void ControlSocketShell::Read() {
  std::array<uint8_t, kControlChunkMax + 1> buffer;
  // As many as an answer of the largest size has.
  for (size_t i = 0; i < kControlAnswerMax / kControlChunkMax + 1; ++i) {
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size < 0) return;
    auto reply = assembler_.Push(Bytes(buffer).first(static_cast<size_t>(size)));
    if (!reply || !asking_) continue;
    Answer(std::move(reply));
    return;
  }
}

void ControlSocketShell::Answer(std::optional<ControlReply> reply) {
  loop_.Cancel(timeout_);
  asking_ = false;
  Question question = std::move(waiting_.front());
  waiting_.pop_front();
  // From the loop, so that whoever is told may end all this.
  if (!waiting_.empty()) AskNext();
  question.on_reply(std::move(reply));
}

}  // namespace headwater::tuner
