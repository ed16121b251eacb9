#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"
#include "services/mcast-monitor/snmp_message.h"
#include "services/mcast-monitor/syslog_message.h"

namespace headwater::monitor {

enum class EventKind : uint8_t { kSyslog, kTrap, kInform };
inline constexpr size_t kEventKinds = 3;
inline constexpr size_t kFacilities = 24;
inline constexpr size_t kSeverities = 8;
const char* ToString(EventKind kind);
// RFC 5424 tables 1 and 2, in the words of syslog.conf: "local0", "err".
const char* FacilityName(uint8_t facility);
const char* SeverityName(uint8_t severity);

// Where a datagram came from and went to.
struct Arrival {
  std::string link;
  uint32_t ifindex = 0;
  Endpoint source;
  IpAddress destination;
  absl::Time time;
};

// One thing that was heard. Its texts are clean: UTF-8 without control characters, direction marks
// or line ends, and cut.
struct Event {
  static constexpr size_t kNameMax = 64;
  static constexpr size_t kTextMax = 2048;

  uint64_t id = 0;
  absl::Time time;
  std::string link;
  IpAddress source;
  uint16_t source_port = 0;
  IpAddress destination;
  EventKind kind = EventKind::kSyslog;
  std::optional<uint8_t> facility;
  uint8_t severity = SyslogMessage::kNotice;
  std::string host;
  std::string app;
  std::string text;
  // Of sender and payload: two monitors that heard one datagram have the same.
  uint64_t digest = 0;
  bool repeated = false;
  bool authenticated = false;

  bool operator==(const Event&) const = default;
};

// FNV-1a over the source's address and the payload; the port is left out, since it changes when a
// device sends again. Recognition, not proof: a sender can make two alike, and nothing is ever
// left out for it.
uint64_t EventDigest(const IpAddress& source, Bytes datagram);

Event SyslogEvent(const Arrival& arrival, Bytes datagram);
Event SnmpEvent(const Arrival& arrival, Bytes datagram, const SnmpMessage& message);

// Which events; what is not set leaves everything.
struct EventFilter {
  std::optional<EventKind> kind;
  std::string link;
  std::optional<IpAddress> source;
  std::optional<uint8_t> severity_max;
  std::optional<uint8_t> facility;
  // As SplitWords gives them; a trailing '*' is a prefix.
  std::vector<std::string> words;
  std::optional<absl::Time> since;
  std::optional<absl::Time> until;

  bool Matches(const Event& event) const;
};

// Words as the store's index has them: letters and digits of ASCII in lower case, and all bytes
// above. At most 16, of at most 64 bytes each; a '*' behind one stays with `keep_stars`.
std::vector<std::string> SplitWords(std::string_view text, bool keep_stars);
inline constexpr size_t kWordsMax = 16;

}  // namespace headwater::monitor
