#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/mcast-monitor/forward_queue.h"
#include "services/mcast-monitor/rate_limiter.h"
#include "services/mcast-monitor/snmp_user.h"

namespace headwater::monitor {

// What comes by one port.
enum class Protocol : uint8_t { kNtp, kSnmp, kSyslog };
inline constexpr size_t kProtocols = 3;
const char* ToString(Protocol protocol);

// Groups that are joined on links ([[mcast-monitor.listen]]).
struct ListenOptions {
  Protocol protocol = Protocol::kSyslog;
  std::vector<std::string> links;
  std::vector<IpAddress> groups;
  // Source-specific joins; empty: any source.
  std::vector<IpAddress> sources;
  bool operator==(const ListenOptions&) const = default;
};

struct NtpOptions {
  // Whom to ask for the state of the clock: the kernel, or this machine's chrony.
  std::optional<Endpoint> chrony;
  // With the kernel's state, which knows none.
  uint8_t stratum = 5;
  // Links whose clients are answered with the group as the source.
  std::vector<std::string> answer_from_group;
  // Requests are not answered here but by this daemon, unchanged both ways.
  std::optional<Endpoint> relay;
  RateOptions rate;
  bool operator==(const NtpOptions&) const = default;
};

// A daemon that is given what comes ([[mcast-monitor.handover]]).
struct HandoverOptions {
  Protocol protocol = Protocol::kSyslog;
  Endpoint target;
  // Sent with the device's address as the source: needs CAP_NET_RAW or CAP_NET_ADMIN at start.
  bool keep_source = false;
  ForwardOptions queue;
};

struct StoreOptions {
  // All files together; the oldest go when there would be more.
  uint64_t bytes_max = uint64_t{1} << 30;
  Duration age_max = 24h * 30;
  // Events of one file.
  uint64_t segment_events_max = 1'000'000;
  // Events that wait to be written; one more is not kept, and counted.
  size_t queue_max = 65536;
  bool operator==(const StoreOptions&) const = default;
};

struct Options {
  // By Protocol.
  std::array<uint16_t, kProtocols> ports = {123, 162, 514};
  std::vector<ListenOptions> listen;
  NtpOptions ntp;
  std::vector<SnmpUser> snmp_users;
  // Informs are answered, and who asks for the engine is told.
  bool acknowledge_informs = true;
  std::vector<HandoverOptions> handovers;
  StoreOptions store;
  // Bytes asked of the kernel for each socket.
  int receive_buffer = 8 << 20;

  bool Wants(Protocol protocol) const;
};

}  // namespace headwater::monitor
