#include "services/mcast-monitor/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "services/mcast-monitor/ntp_packet.h"

namespace headwater::monitor {
namespace {

constexpr size_t kGroupsMax = 64;
constexpr size_t kUsersMax = 64;
constexpr size_t kHandoversMax = 16;
// RFC 3414 section 11.2.
constexpr size_t kPasswordMin = 8;

std::optional<Protocol> ParseProtocol(std::string_view text) {
  for (size_t i = 0; i < kProtocols; ++i) {
    if (text == ToString(static_cast<Protocol>(i))) return static_cast<Protocol>(i);
  }
  return std::nullopt;
}

Protocol ReadProtocol(ConfigTable& table) {
  std::string text;
  table.Read("service", text);
  const std::optional<Protocol> protocol = ParseProtocol(text);
  if (!protocol) {
    table.Fault("service", fmt::format("\"{}\" must be \"ntp\", \"snmp\" or \"syslog\"", text));
  }
  return protocol.value_or(Protocol::kSyslog);
}

// "127.0.0.1:514", "[::1]:514".
std::optional<Endpoint> ParseTarget(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  Endpoint out;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), out.port);
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  if (error != std::errc() || end != port_text.data() + port_text.size() || out.port == 0 ||
      !address || address->IsMulticast() || address->IsUnspecified()) {
    return std::nullopt;
  }
  out.address = *address;
  return out;
}

std::optional<Endpoint> ReadTarget(ConfigTable& table, const char* key, const std::string& text) {
  const std::optional<Endpoint> target = ParseTarget(text);
  if (!target) {
    table.Fault(key, fmt::format("\"{}\" must be a unicast address in figures with a port, as "
                                 "\"127.0.0.1:514\" or \"[::1]:514\"",
                                 text));
  }
  return target;
}

void ReadLinks(ConfigTable& table, const char* key, const CommonOptions& common,
               std::vector<std::string>& links) {
  table.Read(key, links);
  for (const std::string& link : links) {
    const bool known = std::any_of(common.legs.begin(), common.legs.end(),
                                   [&](const LegConfig& leg) { return leg.link == link; });
    if (!known) table.Fault(key, fmt::format("\"{}\" is no link of [legs]", link));
  }
}

std::vector<IpAddress> ReadAddresses(ConfigTable& table, const char* key, bool multicast) {
  std::vector<std::string> texts;
  std::vector<IpAddress> addresses;
  table.Read(key, texts);
  for (const std::string& text : texts) {
    const std::optional<IpAddress> address = IpAddress::Parse(text);
    if (!address || address->IsMulticast() != multicast || address->IsUnspecified()) {
      table.Fault(key, fmt::format("\"{}\" is no {} address in figures", text,
                                   multicast ? "multicast" : "unicast"));
    } else {
      addresses.push_back(*address);
    }
  }
  if (addresses.size() > kGroupsMax) table.Fault(key, fmt::format("at most {}", kGroupsMax));
  return addresses;
}

std::vector<IpAddress> DefaultGroups(Protocol protocol) {
  // IANA has groups for NTP alone.
  if (protocol != Protocol::kNtp) return {};
  return {*IpAddress::Parse("224.0.1.1"), *IpAddress::Parse("ff02::101"),
          *IpAddress::Parse("ff05::101")};
}

ListenOptions ReadListen(ConfigTable& table, const CommonOptions& common) {
  ListenOptions listen;
  listen.protocol = ReadProtocol(table);
  ReadLinks(table, "links", common, listen.links);
  if (listen.links.empty()) {
    for (const LegConfig& leg : common.legs) listen.links.push_back(leg.link);
  }
  if (listen.links.empty()) table.Fault("links", "there are no links: [legs] is empty");
  listen.groups = ReadAddresses(table, "groups", true);
  listen.sources = ReadAddresses(table, "sources", false);
  if (!table.Has("groups")) listen.groups = DefaultGroups(listen.protocol);
  if (listen.groups.empty()) {
    table.Fault("groups", "names the groups to join, as [\"234.192.168.1\", \"ff15::514\"]");
  }
  for (const IpAddress& group : listen.groups) {
    const bool has_source =
        std::any_of(listen.sources.begin(), listen.sources.end(),
                    [&](const IpAddress& one) { return one.family() == group.family(); });
    if (group.IsSsmGroup() && !has_source) {
      table.Fault("sources", fmt::format("{} is a source-specific group (RFC 4607) and needs the "
                                         "senders' addresses",
                                         group.ToString()));
    }
  }
  table.RejectUnknown();
  return listen;
}

NtpOptions ReadNtp(ConfigTable& table, const CommonOptions& common) {
  NtpOptions ntp;
  std::string clock = "kernel";
  if (table.Read("clock", clock) && clock != "kernel") {
    if (clock == "chrony") clock = "127.0.0.1:123";
    ntp.chrony = ReadTarget(table, "clock", clock);
    if (ntp.chrony && !ntp.chrony->address.IsLoopback()) {
      table.Fault("clock", "must be chrony on this machine, whose clock is told");
    }
  }
  table.Read("stratum", ntp.stratum, {1, kStratumMax});
  ReadLinks(table, "answer_from_group", common, ntp.answer_from_group);
  std::string relay;
  if (table.Read("relay", relay)) ntp.relay = ReadTarget(table, "relay", relay);
  table.Read("rate_burst", ntp.rate.burst, {1, 1000});
  table.Read("rate_interval", ntp.rate.interval, {10ms, 1h});
  table.Read("rate_total", ntp.rate.total_per_second, {1, 1'000'000});
  table.Read("sources_max", ntp.rate.sources_max, {1, 1 << 20});
  table.RejectUnknown();
  return ntp;
}

SnmpUser ReadUser(ConfigTable& table) {
  constexpr std::string_view kAuths[] = {"MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"};
  SnmpUser user;
  table.Read("name", user.name);
  std::string auth = "SHA";
  table.Read("auth", auth);
  const auto found = std::find(std::begin(kAuths), std::end(kAuths), auth);
  if (found == std::end(kAuths)) {
    table.Fault("auth",
                fmt::format("\"{}\" must be MD5, SHA, SHA-224, SHA-256, SHA-384 or SHA-512", auth));
  } else {
    user.auth = static_cast<SnmpAuth>(found - std::begin(kAuths));
  }
  table.Read("auth_password", user.auth_password);
  table.Read("privacy_password", user.privacy_password);
  if (user.name.empty() || user.name.size() > 32) table.Fault("name", "1 to 32 bytes");
  if (user.auth_password.size() < kPasswordMin) {
    table.Fault("auth_password", fmt::format("at least {} bytes (RFC 3414)", kPasswordMin));
  }
  if (!user.privacy_password.empty() && user.privacy_password.size() < kPasswordMin) {
    table.Fault("privacy_password", fmt::format("at least {} bytes (RFC 3414)", kPasswordMin));
  }
  table.RejectUnknown();
  return user;
}

HandoverOptions ReadHandover(ConfigTable& table) {
  HandoverOptions handover;
  handover.protocol = ReadProtocol(table);
  if (handover.protocol == Protocol::kNtp) {
    table.Fault("service",
                "NTP is handed over by relay = \"127.0.0.1:11123\" in [mcast-monitor.ntp]");
  }
  std::string target;
  table.Read("target", target);
  handover.target = ReadTarget(table, "target", target).value_or(Endpoint());
  table.Read("keep_source", handover.keep_source);
  table.Read("queue_max", handover.queue.datagrams_max, {1, 10'000'000});
  table.Read("queue_bytes_max", handover.queue.bytes_max, {65536, int64_t{1} << 32});
  table.RejectUnknown();
  return handover;
}

void ReadStore(ConfigTable& table, StoreOptions& store) {
  int64_t megabytes = static_cast<int64_t>(store.bytes_max >> 20);
  if (table.Read("size_max_mib", megabytes, {16, 1 << 20}))
    store.bytes_max = static_cast<uint64_t>(megabytes) << 20;
  table.Read("age_max", store.age_max, {1min, 24h * 3650});
  table.Read("segment_events_max", store.segment_events_max, {1000, 10'000'000});
  table.Read("queue_max", store.queue_max, {64, 10'000'000});
  table.RejectUnknown();
}

}  // namespace

const char* ToString(Protocol protocol) {
  constexpr const char* kNames[] = {"ntp", "snmp", "syslog"};
  static_assert(std::size(kNames) == kProtocols);
  return kNames[static_cast<size_t>(protocol)];
}

bool Options::Wants(Protocol protocol) const {
  return std::any_of(listen.begin(), listen.end(),
                     [&](const ListenOptions& one) { return one.protocol == protocol; });
}

Options ReadOptions(ConfigTable& table, const CommonOptions& common) {
  Options options;
  table.Read("ntp_port", options.ports[0], {1, 65535});
  table.Read("snmp_port", options.ports[1], {1, 65535});
  table.Read("syslog_port", options.ports[2], {1, 65535});
  table.Read("acknowledge_informs", options.acknowledge_informs);
  table.Read("receive_buffer", options.receive_buffer, {65536, 1 << 30});
  for (ConfigTable& listen : table.Tables("listen"))
    options.listen.push_back(ReadListen(listen, common));
  ConfigTable ntp = table.Table("ntp");
  options.ntp = ReadNtp(ntp, common);
  for (ConfigTable& user : table.Tables("snmp_users")) options.snmp_users.push_back(ReadUser(user));
  for (ConfigTable& handover : table.Tables("handover"))
    options.handovers.push_back(ReadHandover(handover));
  ConfigTable store = table.Table("store");
  ReadStore(store, options.store);
  if (options.snmp_users.size() > kUsersMax)
    table.Fault("snmp_users", fmt::format("at most {}", kUsersMax));
  if (options.handovers.size() > kHandoversMax)
    table.Fault("handover", fmt::format("at most {}", kHandoversMax));
  std::set<std::string> names;
  for (const SnmpUser& user : options.snmp_users) {
    if (!names.insert(user.name).second)
      table.Fault("snmp_users", fmt::format("two users are called \"{}\"", user.name));
  }
  return options;
}

}  // namespace headwater::monitor
