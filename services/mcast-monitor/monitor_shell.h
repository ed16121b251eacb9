#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "services/common/net/leg_watch.h"
#include "services/mcast-monitor/event_log.h"
#include "services/mcast-monitor/handover_shell.h"
#include "services/mcast-monitor/ntp_shell.h"
#include "services/mcast-monitor/options.h"
#include "services/mcast-monitor/port_socket_shell.h"
#include "services/mcast-monitor/snmp_engine.h"
#include "services/mcast-monitor/store_worker_shell.h"

namespace headwater::monitor {

// The whole monitor: sockets, groups, events, store and hand-overs. On the loop's thread.
class MonitorShell {
 public:
  // A group, or channel, on a link.
  struct JoinKey {
    Protocol protocol;
    std::string link;
    IpAddress group;
    std::optional<IpAddress> source;
    auto operator<=>(const JoinKey&) const = default;
  };
  struct Join {
    // 0: not joined.
    uint32_t ifindex = 0;
    std::string error;
  };
  struct Stats {
    std::array<uint64_t, kProtocols> received = {};
    // By an interface that is no link's, or from no address that could be answered.
    std::array<uint64_t, kProtocols> foreign = {};
    std::array<uint64_t, kSnmpErrors> snmp_refused = {};
    uint64_t informs_acknowledged = 0;
  };
  using OnEvent = std::function<void(const Event&)>;

  // Opens everything that needs privileges.
  static absl::StatusOr<std::unique_ptr<MonitorShell>> Open(EventLoop& loop, Logger& log,
                                                            const Options& options,
                                                            const std::vector<LegConfig>& legs,
                                                            const std::string& state);
  ~MonitorShell();

  // Privileges are gone.
  void Start();
  // Keys that need a restart.
  std::vector<std::string> Reload(const Options& options);
  void SetObserver(OnEvent on_event) { on_event_ = std::move(on_event); }

  const EventLog& events() const { return events_; }
  const Stats& stats() const { return stats_; }
  const NtpShell* ntp() const { return ntp_.get(); }
  const std::map<JoinKey, Join>& joins() const { return joins_; }
  const std::vector<std::unique_ptr<Handover>>& handovers() const { return handovers_; }
  const LegWatch& legs() const { return *legs_; }
  const Options& options() const { return options_; }
  StoreWorker& store() { return *store_; }
  // Datagrams that found the socket's buffer full.
  uint64_t lost(Protocol protocol) const;

 private:
  using Sockets = std::array<std::unique_ptr<PortSocket>, 2>;  // IPv4, IPv6

  MonitorShell(EventLoop& loop, Logger& log, const Options& options)
      : loop_(loop), log_(log), options_(options) {}
  absl::Status OpenSockets();
  absl::Status OpenStore(const std::string& state);
  absl::Status OpenEngine(const std::string& state);
  void MakeKeys();
  PortSocket* SocketOf(Protocol protocol, IpAddress::Family family) const;
  // Joins what is wanted, leaves what is not, where interfaces have come and gone.
  void UpdateJoins();
  void OnReadable(Protocol protocol, PortSocket& socket);
  void OnDatagram(Protocol protocol, PortSocket& socket, const ReceivedDatagram& datagram);
  void OnNotification(PortSocket& socket, const ReceivedDatagram& datagram, const Leg& leg,
                      const Arrival& arrival);
  void Add(Event event);

  EventLoop& loop_;
  Logger& log_;
  Options options_;
  std::unique_ptr<LegWatch> legs_;
  std::array<Sockets, kProtocols> sockets_;
  std::vector<SnmpKeys> keys_;
  std::unique_ptr<SnmpEngine> engine_;
  uint64_t salt_ = 0;
  EventLog events_;
  std::unique_ptr<StoreWorker> store_;
  std::vector<std::unique_ptr<Handover>> handovers_;
  std::unique_ptr<NtpShell> ntp_;
  std::map<JoinKey, Join> joins_;
  EventLoop::TimerId retry_ = 0;
  OnEvent on_event_;
  Stats stats_;
};

}  // namespace headwater::monitor
