#include "services/mcast-monitor/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "services/common/text/clean_text.h"

namespace headwater::monitor {
namespace {

constexpr size_t kWordMax = 64;

// Whoever reads a trap knows these; other OIDs are shown in figures.
constexpr std::pair<std::string_view, std::string_view> kNames[] = {
    {"1.3.6.1.6.3.1.1.5.1", "coldStart"},
    {"1.3.6.1.6.3.1.1.5.2", "warmStart"},
    {"1.3.6.1.6.3.1.1.5.3", "linkDown"},
    {"1.3.6.1.6.3.1.1.5.4", "linkUp"},
    {"1.3.6.1.6.3.1.1.5.5", "authenticationFailure"},
    {"1.3.6.1.6.3.1.1.5.6", "egpNeighborLoss"},
    {"1.3.6.1.2.1.17.0.1", "newRoot"},
    {"1.3.6.1.2.1.17.0.2", "topologyChange"},
    {"1.3.6.1.2.1.1.1", "sysDescr"},
    {"1.3.6.1.2.1.1.4", "sysContact"},
    {"1.3.6.1.2.1.1.5", "sysName"},
    {"1.3.6.1.2.1.1.6", "sysLocation"},
    {"1.3.6.1.2.1.2.2.1.1", "ifIndex"},
    {"1.3.6.1.2.1.2.2.1.2", "ifDescr"},
    {"1.3.6.1.2.1.2.2.1.7", "ifAdminStatus"},
    {"1.3.6.1.2.1.2.2.1.8", "ifOperStatus"},
    {"1.3.6.1.2.1.31.1.1.1.1", "ifName"},
    {"1.3.6.1.2.1.31.1.1.1.18", "ifAlias"},
    {"1.3.6.1.6.3.1.1.4.3", "snmpTrapEnterprise"},
};

// The longest known OID that `oid` begins with is put by its name.
std::string ReadableOid(const std::string& oid) {
  std::string_view best, name;
  for (const auto& [prefix, word] : kNames) {
    if (!oid.starts_with(prefix) || prefix.size() <= best.size()) continue;
    if (oid.size() == prefix.size() || oid[prefix.size()] == '.') best = prefix, name = word;
  }
  return best.empty() ? oid : std::string(name) + oid.substr(best.size());
}

// A trap has no severity; of the standard ones it is plain.
uint8_t TrapSeverity(const std::string& trap) {
  constexpr uint8_t kWarning = 4, kNotice = 5;
  return trap == "1.3.6.1.6.3.1.1.5.3" || trap == "1.3.6.1.6.3.1.1.5.5" ? kWarning : kNotice;
}

Event Begin(const Arrival& arrival, Bytes datagram) {
  return {.time = arrival.time,
          .link = arrival.link,
          .source = arrival.source.address,
          .source_port = arrival.source.port,
          .destination = arrival.destination,
          .digest = EventDigest(arrival.source.address, datagram)};
}

// Most of what comes is plain ASCII on one line and costs nothing but a copy.
std::string Clean(std::string_view raw, size_t bytes_max) {
  const bool plain =
      raw.size() <= bytes_max && (raw.empty() || (raw.front() != ' ' && raw.back() != ' ')) &&
      raw.find("  ") == std::string_view::npos &&
      std::all_of(raw.begin(), raw.end(), [](char c) { return c >= ' ' && c < 0x7f; });
  return plain ? std::string(raw) : CleanText(raw, bytes_max);
}

}  // namespace

const char* ToString(EventKind kind) {
  constexpr const char* kKinds[] = {"syslog", "trap", "inform"};
  static_assert(std::size(kKinds) == kEventKinds);
  return kKinds[static_cast<size_t>(kind)];
}

const char* FacilityName(uint8_t facility) {
  constexpr const char* kFacilityNames[] = {
      "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
      "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
      "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
  static_assert(std::size(kFacilityNames) == kFacilities);
  return facility < kFacilities ? kFacilityNames[facility] : "none";
}

const char* SeverityName(uint8_t severity) {
  constexpr const char* kSeverityNames[] = {"emerg",   "alert",  "crit", "err",
                                            "warning", "notice", "info", "debug"};
  static_assert(std::size(kSeverityNames) == kSeverities);
  return severity < kSeverities ? kSeverityNames[severity] : "none";
}

uint64_t EventDigest(const IpAddress& source, Bytes datagram) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](Bytes bytes) {
    for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  };
  add(source.bytes());
  add(datagram);
  return hash;
}

Event SyslogEvent(const Arrival& arrival, Bytes datagram) {
  const SyslogMessage message = SyslogMessage::Parse(datagram);
  Event event = Begin(arrival, datagram);
  event.facility = message.facility;
  event.severity = message.severity;
  event.host = Clean(message.host, Event::kNameMax);
  event.app = Clean(message.app, Event::kNameMax);
  event.text = Clean(message.text, Event::kTextMax);
  return event;
}

Event SnmpEvent(const Arrival& arrival, Bytes datagram, const SnmpMessage& message) {
  Event event = Begin(arrival, datagram);
  event.kind = message.inform ? EventKind::kInform : EventKind::kTrap;
  event.severity = TrapSeverity(message.trap);
  if (message.agent && !message.agent->IsUnspecified()) event.host = message.agent->ToString();
  event.app = message.version == 2 ? "snmp v2c" : fmt::format("snmp v{}", message.version);
  event.authenticated = message.authenticated;
  std::string text = message.trap.empty() ? "notification" : ReadableOid(message.trap);
  if (message.version == 3) text += fmt::format(" user={}", message.user);
  text += fmt::format(" uptime={}.{:02}s", message.uptime / 100, message.uptime % 100);
  for (const SnmpVariable& variable : message.variables) {
    if (text.size() > Event::kTextMax) break;
    text += fmt::format(" {}={}", ReadableOid(variable.oid), variable.value);
  }
  event.text = Clean(text, Event::kTextMax);
  return event;
}

std::vector<std::string> SplitWords(std::string_view text, bool keep_stars) {
  std::vector<std::string> words;
  std::string word;
  const auto end = [&](bool star) {
    if (!word.empty() && words.size() < kWordsMax)
      words.push_back(word.substr(0, kWordMax) + (star ? "*" : ""));
    word.clear();
  };
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') {
      word += static_cast<char>(c - 'A' + 'a');
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0) {
      word += c;
    } else {
      end(c == '*' && keep_stars);
    }
  }
  end(false);
  return words;
}

bool EventFilter::Matches(const Event& event) const {
  if (kind && event.kind != *kind) return false;
  if (!link.empty() && event.link != link) return false;
  if (source && event.source != *source) return false;
  if (severity_max && event.severity > *severity_max) return false;
  if (facility && event.facility != *facility) return false;
  if (since && event.time < *since) return false;
  if (until && event.time >= *until) return false;
  if (words.empty()) return true;
  std::vector<std::string> has;
  for (const std::string* part : {&event.host, &event.app, &event.text}) {
    std::string_view rest = *part;
    // A search has few words; an event may have many.
    while (!rest.empty()) {
      const size_t cut = std::min(rest.find(' '), rest.size());
      for (std::string& one : SplitWords(rest.substr(0, cut), false)) has.push_back(std::move(one));
      rest.remove_prefix(std::min(cut + 1, rest.size()));
    }
  }
  return std::all_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::any_of(has.begin(), has.end(), [&](const std::string& one) {
      return word.ends_with('*') ? one.starts_with(word.substr(0, word.size() - 1)) : one == word;
    });
  });
}

}  // namespace headwater::monitor
