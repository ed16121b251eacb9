#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/net/legs.h"
#include "services/mcast-monitor/clock_poll.h"
#include "services/mcast-monitor/ntp_server.h"
#include "services/mcast-monitor/options.h"
#include "services/mcast-monitor/port_socket_shell.h"

namespace headwater::monitor {

// What is sent from to a peer on a leg: link-local to link-local; nothing when the leg has no
// address of that family.
std::optional<IpAddress> OwnAddress(const Leg& leg, const IpAddress& peer);

// Answers NTP clients, or has a daemon answer them; asks the kernel or chrony for the clock's
// state. On the loop's thread.
class NtpShell {
 public:
  // Opens the raw sockets for links that answer from the group: CAP_NET_RAW.
  static absl::StatusOr<std::unique_ptr<NtpShell>> Open(EventLoop& loop, Logger& log,
                                                        const NtpOptions& options);
  ~NtpShell();

  // Begins to ask for the clock.
  void Start();
  // False: needs a restart for the raw sockets.
  bool SetOptions(const NtpOptions& options);
  void OnDatagram(PortSocket& socket, uint16_t port, const ReceivedDatagram& datagram,
                  const Leg& leg);

  const NtpServer& server() const { return server_; }
  std::string ClockName() const;
  const NtpOptions& options() const { return options_; }

 private:
  // A datagram socket connected to a daemon.
  struct DaemonSocket {
    int fd = -1;
    std::optional<Endpoint> target;
  };
  // A request that the relay's daemon has not answered yet.
  struct Pending {
    PortSocket* socket;
    uint16_t port;
    Endpoint client;
    IpAddress asked;
    uint32_t ifindex;
    std::string link;
    std::optional<IpAddress> own;
    MonoTime when;
  };

  NtpShell(EventLoop& loop, Logger& log, const NtpOptions& options);
  void Connect(DaemonSocket& socket, const std::optional<Endpoint>& target,
               void (NtpShell::*on_readable)());
  void Disconnect(DaemonSocket& socket);
  void Relay(const Pending& pending, Bytes request);
  void OnRelayAnswer();
  void OnChronyAnswer();
  void ReadClock();
  void Tell(const ClockState& clock);
  void Answer(const Pending& to, Bytes bytes);

  EventLoop& loop_;
  Logger& log_;
  NtpOptions options_;
  NtpServer server_;
  ClockPoll poll_;
  std::unique_ptr<GroupSender> group_sender_;
  DaemonSocket chrony_, relay_;
  // By the request's transmit timestamp, which the answer repeats.
  absl::flat_hash_map<NtpTimestamp, Pending> pending_;
  std::random_device random_;
  EventLoop::TimerId timer_ = 0;
  bool told_ = false;
};

}  // namespace headwater::monitor
