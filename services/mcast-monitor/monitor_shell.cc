#include "services/mcast-monitor/monitor_shell.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/time/clock.h"

namespace headwater::monitor {
namespace {

// A join that failed is tried again.
constexpr Duration kJoinRetry = 5s;
// Datagrams of one socket in one turn of the loop, so that all get theirs.
constexpr size_t kTurn = 1024;

size_t Index(Protocol protocol) { return static_cast<size_t>(protocol); }

}  // namespace

absl::StatusOr<std::unique_ptr<MonitorShell>> MonitorShell::Open(EventLoop& loop, Logger& log,
                                                                 const Options& options,
                                                                 const std::vector<LegConfig>& legs,
                                                                 const std::string& state) {
  std::unique_ptr<MonitorShell> made(new MonitorShell(loop, log, options));
  MonitorShell* shell = made.get();
  ASSIGN_OR_RETURN(made->legs_, LegWatch::Open(loop, legs, [shell] { shell->UpdateJoins(); }));
  RETURN_IF_ERROR(made->OpenSockets());
  if (options.Wants(Protocol::kNtp)) {
    ASSIGN_OR_RETURN(made->ntp_, NtpShell::Open(loop, log, options.ntp));
  }
  for (const HandoverOptions& handover : options.handovers) {
    ASSIGN_OR_RETURN(auto opened, Handover::Open(loop, log, handover));
    made->handovers_.push_back(std::move(opened));
  }
  RETURN_IF_ERROR(made->OpenStore(state));
  RETURN_IF_ERROR(made->OpenEngine(state));
  made->MakeKeys();
  return made;
}

MonitorShell::~MonitorShell() {
  loop_.Cancel(retry_);
  for (const Sockets& sockets : sockets_) {
    for (const auto& socket : sockets) {
      if (socket) loop_.RemoveFd(socket->fd());
    }
  }
}

absl::Status MonitorShell::OpenSockets() {
  for (size_t i = 0; i < kProtocols; ++i) {
    const auto protocol = static_cast<Protocol>(i);
    if (!options_.Wants(protocol)) continue;
    for (const auto family : {IpAddress::Family::kIpv4, IpAddress::Family::kIpv6}) {
      ASSIGN_OR_RETURN(auto socket,
                       PortSocket::Open(family, options_.ports[i], options_.receive_buffer));
      PortSocket* raw = socket.get();
      loop_.AddFd(raw->fd(), EPOLLIN,
                  [this, protocol, raw](uint32_t) { OnReadable(protocol, *raw); });
      sockets_[i][static_cast<size_t>(family)] = std::move(socket);
    }
  }
  return absl::OkStatus();
}

absl::Status MonitorShell::OpenStore(const std::string& state) {
  const std::string folder = state + ".events";
  ASSIGN_OR_RETURN(auto store, EventStore::Open(folder, options_.store));
  ASSIGN_OR_RETURN(std::vector<Event> newest, SearchStore(folder, {.limit = EventLog::kRecentMax}));
  std::reverse(newest.begin(), newest.end());
  events_.Restore(std::move(newest));
  store_ = std::make_unique<StoreWorker>(loop_, log_, folder, options_.store, std::move(store));
  return absl::OkStatus();
}

// Id and number of this life of the engine, which the next one will know: "8000000005... 7".
absl::Status MonitorShell::OpenEngine(const std::string& state) {
  const std::string path = state + ".engine";
  std::random_device random;
  salt_ = uint64_t{random()} << 32 | random();
  // RFC 3411, SnmpEngineID: no enterprise of ours, format "octets".
  std::vector<uint8_t> id = {0x80, 0, 0, 0, 5};
  for (int i = 0; i < 8; ++i) id.push_back(static_cast<uint8_t>(random()));
  uint32_t boots = 0;
  std::string hex;
  if (std::ifstream before(path); before >> hex >> boots && hex.size() == 2 * id.size()) {
    const std::string bytes = absl::HexStringToBytes(hex);
    id.assign(bytes.begin(), bytes.end());
  }
  hex.clear();
  for (const uint8_t byte : id) hex += fmt::format("{:02x}", byte);
  engine_ = std::make_unique<SnmpEngine>(id, ++boots, MonoNow());
  std::ofstream after(path);
  after << hex << ' ' << boots << '\n' << std::flush;
  return after ? absl::OkStatus()
               : absl::UnavailableError(ToAbsl(fmt::format("{}: cannot be written", path)));
}

void MonitorShell::MakeKeys() {
  keys_.clear();
  for (const SnmpUser& user : options_.snmp_users) keys_.emplace_back(user);
}

void MonitorShell::Start() {
  store_->Start();
  if (ntp_) ntp_->Start();
  UpdateJoins();
}

std::vector<std::string> MonitorShell::Reload(const Options& options) {
  std::vector<std::string> restart;
  const auto differs = [&restart](const char* key, bool other) {
    if (other) restart.emplace_back(key);
  };
  bool new_port = false;
  for (size_t i = 0; i < kProtocols; ++i) {
    const auto protocol = static_cast<Protocol>(i);
    new_port |= options.Wants(protocol) && !sockets_[i][0];
  }
  differs("listen", new_port);
  differs("ports", options.ports != options_.ports);
  differs("receive_buffer", options.receive_buffer != options_.receive_buffer);
  differs("store", options.store != options_.store);
  const bool same_handovers =
      std::ranges::equal(options.handovers, options_.handovers, [](const auto& a, const auto& b) {
        return a.protocol == b.protocol && a.target == b.target && a.keep_source == b.keep_source;
      });
  differs("handover", !same_handovers);
  options_.listen = options.listen;
  options_.acknowledge_informs = options.acknowledge_informs;
  if (ntp_ && !ntp_->SetOptions(options.ntp)) restart.emplace_back("ntp.answer_from_group");
  if (options.snmp_users != options_.snmp_users) {
    options_.snmp_users = options.snmp_users;
    MakeKeys();
  }
  UpdateJoins();
  return restart;
}

PortSocket* MonitorShell::SocketOf(Protocol protocol, IpAddress::Family family) const {
  return sockets_[Index(protocol)][static_cast<size_t>(family)].get();
}

uint64_t MonitorShell::lost(Protocol protocol) const {
  uint64_t lost = 0;
  for (const auto& socket : sockets_[Index(protocol)]) lost += socket ? socket->lost_total() : 0;
  return lost;
}

void MonitorShell::UpdateJoins() {
  loop_.Cancel(retry_);
  retry_ = 0;
  std::map<JoinKey, Join> wanted;
  for (const ListenOptions& listen : options_.listen) {
    for (const std::string& link : listen.links) {
      for (const IpAddress& group : listen.groups) {
        bool specific = false;
        for (const IpAddress& source : listen.sources) {
          if (source.family() != group.family()) continue;
          specific = true;
          wanted[{listen.protocol, link, group, source}];
        }
        if (!specific) wanted[{listen.protocol, link, group, std::nullopt}];
      }
    }
  }
  for (const auto& [key, join] : joins_) {
    PortSocket* socket = SocketOf(key.protocol, key.group.family());
    const auto kept = wanted.find(key);
    if (kept != wanted.end()) {
      kept->second = join;
    } else if (socket != nullptr && join.ifindex != 0) {
      socket->Leave(key.group, key.source, join.ifindex);
    }
  }
  joins_ = std::move(wanted);
  bool failed = false;
  for (auto& [key, join] : joins_) {
    const Leg* leg = legs_->Find(key.link);
    PortSocket* socket = SocketOf(key.protocol, key.group.family());
    const uint32_t ifindex = leg == nullptr ? 0 : leg->ifindex;
    // An interface that has gone took its memberships with it.
    if (join.ifindex != 0 && join.ifindex == ifindex) continue;
    join.ifindex = 0;
    const std::string before = std::exchange(join.error, ifindex == 0 ? "no such interface" : "");
    if (socket == nullptr) join.error = "the port is not open: restart";
    if (ifindex == 0 || socket == nullptr) continue;
    const absl::Status status = socket->Join(key.group, key.source, ifindex);
    if (status.ok()) {
      join.ifindex = ifindex;
      continue;
    }
    failed = true;
    join.error = std::string(FromAbsl(status.message()));
    if (join.error != before) {
      log_.Warning("cannot listen",
                   {{"group", key.group.ToString()}, {"link", key.link}, {"error", join.error}});
    }
  }
  if (failed) retry_ = loop_.At(loop_.now() + kJoinRetry, [this] { UpdateJoins(); });
}

void MonitorShell::OnReadable(Protocol protocol, PortSocket& socket) {
  size_t taken = 0;
  while (taken < kTurn) {
    const size_t count = socket.Receive(
        [&](const ReceivedDatagram& datagram) { OnDatagram(protocol, socket, datagram); },
        kTurn - taken);
    if (count == 0) return;
    taken += count;
  }
}

void MonitorShell::OnDatagram(Protocol protocol, PortSocket& socket,
                              const ReceivedDatagram& datagram) {
  ++stats_.received[Index(protocol)];
  const Leg* leg = legs_->FindByIndex(datagram.ifindex);
  const IpAddress& source = datagram.source.address;
  // Our own question for chrony comes back here where no chrony has the port: answered, we would
  // believe ourselves for ever.
  const bool own_question = protocol == Protocol::kNtp && source.IsLoopback();
  if (leg == nullptr || source.IsMulticast() || source.IsUnspecified() ||
      datagram.source.port == 0 || own_question) {
    ++stats_.foreign[Index(protocol)];
    return;
  }
  if (protocol == Protocol::kNtp) {
    ntp_->OnDatagram(socket, options_.ports[Index(protocol)], datagram, *leg);
    return;
  }
  const Arrival arrival = {.link = leg->link,
                           .ifindex = datagram.ifindex,
                           .source = datagram.source,
                           .destination = datagram.destination,
                           .time = datagram.time};
  if (protocol == Protocol::kSnmp) {
    OnNotification(socket, datagram, *leg, arrival);
  } else {
    Add(SyslogEvent(arrival, datagram.bytes));
  }
  for (const auto& handover : handovers_) {
    if (handover->options().protocol == protocol) handover->Push(datagram.bytes, datagram.source);
  }
}

void MonitorShell::OnNotification(PortSocket& socket, const ReceivedDatagram& datagram,
                                  const Leg& leg, const Arrival& arrival) {
  const std::optional<IpAddress> own = arrival.destination.IsMulticast()
                                           ? OwnAddress(leg, arrival.source.address)
                                           : arrival.destination;
  const auto send = [&](const std::optional<std::vector<uint8_t>>& answer) {
    return answer && own && options_.acknowledge_informs &&
           socket.Send(*answer, *own, arrival.source, arrival.ifindex);
  };
  const MonoTime now = MonoNow();
  if (const auto report = engine_->Discover(datagram.bytes, now)) {
    send(report);
    return;
  }
  const auto message = SnmpMessage::Parse(datagram.bytes, keys_);
  if (!message) {
    ++stats_.snmp_refused[static_cast<size_t>(message.error())];
    return;
  }
  SnmpEngine::Verdict verdict{.answer = Acknowledge(datagram.bytes, *message)};
  if (message->version == 3 && message->inform)
    verdict = engine_->Check(*message, keys_, ++salt_, now);
  if (!verdict.take) {
    ++stats_.snmp_refused[static_cast<size_t>(SnmpError::kUntimely)];
    send(verdict.answer);
    return;
  }
  Add(SnmpEvent(arrival, datagram.bytes, *message));
  if (send(verdict.answer)) ++stats_.informs_acknowledged;
}

void MonitorShell::Add(Event event) {
  const Event& added = events_.Add(std::move(event));
  store_->Add(added);
  if (on_event_) on_event_(added);
}

}  // namespace headwater::monitor
