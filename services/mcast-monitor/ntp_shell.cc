#include "services/mcast-monitor/ntp_shell.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/time/clock.h"

namespace headwater::monitor {
namespace {

constexpr Duration kKernelInterval = 1s;
// Requests that wait for the relay's daemon; one more is dropped, and after so long one is
// forgotten.
constexpr size_t kPendingMax = 1024;
constexpr Duration kPendingPatience = 2s;

KernelClock ReadKernel() {
  timex state = {};
  if (adjtimex(&state) < 0) return {};
  return {.readable = true,
          .unsynchronised = (state.status & STA_UNSYNC) != 0,
          .insert_second = (state.status & STA_INS) != 0,
          .delete_second = (state.status & STA_DEL) != 0,
          .max_error = absl::Microseconds(state.maxerror)};
}

}  // namespace

std::optional<IpAddress> OwnAddress(const Leg& leg, const IpAddress& peer) {
  if (peer.is_v4()) return leg.service_ipv4;
  return peer.IsLinkLocal() ? leg.link_local : leg.service_ipv6;
}

absl::StatusOr<std::unique_ptr<NtpShell>> NtpShell::Open(EventLoop& loop, Logger& log,
                                                         const NtpOptions& options) {
  std::unique_ptr<NtpShell> made(new NtpShell(loop, log, options));
  if (!options.answer_from_group.empty()) {
    ASSIGN_OR_RETURN(made->group_sender_, GroupSender::Open());
  }
  return made;
}

NtpShell::NtpShell(EventLoop& loop, Logger& log, const NtpOptions& options)
    : loop_(loop), log_(log), options_(options), server_(options.rate) {}

NtpShell::~NtpShell() {
  loop_.Cancel(timer_);
  Disconnect(chrony_);
  Disconnect(relay_);
}

void NtpShell::Start() {
  Connect(chrony_, options_.chrony, &NtpShell::OnChronyAnswer);
  Connect(relay_, options_.relay, &NtpShell::OnRelayAnswer);
  server_.set_relaying(options_.relay.has_value());
  ReadClock();
}

bool NtpShell::SetOptions(const NtpOptions& options) {
  if (options == options_) return true;
  const bool other_clock = options.chrony != options_.chrony;
  options_ = options;
  server_.set_rate(options.rate);
  pending_.clear();
  if (other_clock) poll_ = ClockPoll();
  loop_.Cancel(timer_);
  Start();
  return options.answer_from_group.empty() || group_sender_ != nullptr;
}

void NtpShell::Connect(DaemonSocket& daemon, const std::optional<Endpoint>& target,
                       void (NtpShell::*on_readable)()) {
  if (daemon.target == target) return;
  Disconnect(daemon);
  if (!target) return;
  sockaddr_storage address;
  const socklen_t size = ToSockaddr(*target, 0, address);
  daemon.fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (daemon.fd < 0) return;
  if (connect(daemon.fd, reinterpret_cast<sockaddr*>(&address), size) != 0) {
    log_.Warning("ntp: cannot be asked", {{"daemon", target->ToString()}});
  }
  daemon.target = target;
  loop_.AddFd(daemon.fd, EPOLLIN, [this, on_readable](uint32_t) { (this->*on_readable)(); });
}

void NtpShell::Disconnect(DaemonSocket& daemon) {
  if (daemon.fd >= 0) {
    loop_.RemoveFd(daemon.fd);
    close(daemon.fd);
  }
  daemon = {};
}

std::string NtpShell::ClockName() const {
  return options_.chrony ? "chrony " + options_.chrony->ToString() : "kernel";
}

void NtpShell::ReadClock() {
  const MonoTime now = MonoNow();
  if (!options_.chrony) {
    Tell(FromKernel(ReadKernel(), options_.stratum, WallNow(), now));
    timer_ = loop_.At(now + kKernelInterval, [this] { ReadClock(); });
    return;
  }
  Tell(poll_.State(now));
  const uint64_t nonce = (uint64_t{random_()} << 32 | random_()) | 1;
  const auto question = poll_.Ask(nonce);
  // Refused when chrony is not there: then no answer comes.
  static_cast<void>(send(chrony_.fd, question.data(), question.size(), MSG_DONTWAIT));
  const Duration wait = server_.clock().synchronised ? ClockPoll::kInterval : kKernelInterval;
  timer_ = loop_.At(now + wait, [this] { ReadClock(); });
}

void NtpShell::OnChronyAnswer() {
  std::array<uint8_t, 512> buffer;
  const auto size = recv(chrony_.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size <= 0) return;
  const MonoTime now = MonoNow();
  if (poll_.OnAnswer(Bytes(buffer).first(static_cast<size_t>(size)), WallNow(), now))
    Tell(poll_.State(now));
}

void NtpShell::Tell(const ClockState& clock) {
  const ClockState& before = server_.clock();
  if (!told_ || before.synchronised != clock.synchronised || before.problem != clock.problem ||
      before.stratum != clock.stratum) {
    if (clock.synchronised) {
      log_.Info("ntp: the clock is synchronised",
                {{"clock", ClockName()}, {"stratum", int{clock.stratum}}});
    } else {
      log_.Warning("ntp: clients are told no time",
                   {{"clock", ClockName()}, {"why", clock.problem}});
    }
  }
  told_ = true;
  server_.set_clock(clock);
}

void NtpShell::OnDatagram(PortSocket& socket, uint16_t port, const ReceivedDatagram& datagram,
                          const Leg& leg) {
  const MonoTime now = MonoNow();
  const Pending to = {.socket = &socket,
                      .port = port,
                      .client = datagram.source,
                      .asked = datagram.destination,
                      .ifindex = datagram.ifindex,
                      .link = leg.link,
                      .own = OwnAddress(leg, datagram.source.address),
                      .when = now};
  auto verdict = server_.Handle(datagram.bytes, datagram.source.address, datagram.time, now);
  if (verdict.outcome == NtpServer::Outcome::kRelayed) return Relay(to, datagram.bytes);
  if (!verdict.answer) return;
  NtpServer::SetTransmit(*verdict.answer, WallNow());
  Answer(to, verdict.answer->Serialize());
}

void NtpShell::Answer(const Pending& to, Bytes bytes) {
  const bool by_group = to.asked.IsMulticast();
  const auto& from_group = options_.answer_from_group;
  if (by_group && group_sender_ && std::ranges::find(from_group, to.link) != from_group.end()) {
    group_sender_->Send(bytes, {to.asked, to.port}, to.client, to.ifindex);
  } else if (!by_group || to.own) {
    to.socket->Send(bytes, by_group ? *to.own : to.asked, to.client, to.ifindex);
  }
}

void NtpShell::Relay(const Pending& to, Bytes request) {
  absl::erase_if(pending_,
                 [&](const auto& entry) { return to.when - entry.second.when > kPendingPatience; });
  const auto packet = NtpPacket::Parse(request);
  if (!packet || pending_.size() >= kPendingMax) return;
  pending_[packet->transmit] = to;
  static_cast<void>(send(relay_.fd, request.data(), request.size(), MSG_DONTWAIT));
}

void NtpShell::OnRelayAnswer() {
  std::array<uint8_t, 2048> buffer;
  const auto size = recv(relay_.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size <= 0) return;
  const Bytes bytes = Bytes(buffer).first(static_cast<size_t>(size));
  const auto packet = NtpPacket::Parse(bytes);
  if (!packet) return;
  const auto found = pending_.find(packet->origin);
  if (found == pending_.end()) return;
  const Pending to = std::move(found->second);
  pending_.erase(found);
  Answer(to, bytes);
}

}  // namespace headwater::monitor
