#include "services/common/runtime/common_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "services/common/base/absl_text.h"

namespace headwater {
namespace {

constexpr const char* kServiceTables[] = {
    "membership-watcher", "directory-resolver", "session-manager", "rtp-packager",  "sap-announcer",
    "dvb-tuner",          "mcast-bridge",       "mdns-zone-proxy", "mcast-monitor", "console"};
// IFNAMSIZ with its terminator.
constexpr size_t kInterfaceNameSize = 16;
// sizeof sockaddr_un::sun_path with its terminator.
constexpr size_t kSocketPathMax = 107;

void ReadServiceAddress(ConfigTable& table, const char* key, IpAddress::Family family,
                        std::optional<IpAddress>& out) {
  std::string text;
  if (!table.Read(key, text)) return;
  const std::optional<IpAddress> address = IpAddress::Parse(text);
  if (!address || address->family() != family || address->IsMulticast() ||
      address->IsUnspecified()) {
    table.Fault(key, fmt::format("\"{}\" is not a unicast address of that family", text));
    return;
  }
  out = address;
}

LegConfig ReadLeg(ConfigTable& legs, const std::string& link) {
  LegConfig leg{.link = link};
  if (legs.IsString(link)) {
    legs.Read(link, leg.interface);
  } else {
    ConfigTable table = legs.Table(link);
    if (!table.Read("interface", leg.interface))
      legs.Fault(link, "needs an interface, as in lan = \"eth0\"");
    ReadServiceAddress(table, "service_address_ipv4", IpAddress::Family::kIpv4, leg.service_ipv4);
    ReadServiceAddress(table, "service_address_ipv6", IpAddress::Family::kIpv6, leg.service_ipv6);
    table.RejectUnknown();
  }
  if (!IsLinkName(link)) legs.Fault(link, "a link's name is 1 to 32 of a-z, 0-9, '-', '_' and '.'");
  if (leg.interface.empty() || leg.interface.size() >= kInterfaceNameSize ||
      leg.interface.find('/') != std::string::npos) {
    legs.Fault(link, fmt::format("\"{}\" is not an interface name", leg.interface));
  }
  return leg;
}

void ReadLegs(ConfigTable& file, std::vector<LegConfig>& out) {
  ConfigTable legs = file.Table("legs");
  std::set<std::string> interfaces;
  for (const std::string& link : legs.Keys()) {
    LegConfig leg = ReadLeg(legs, link);
    if (!interfaces.insert(leg.interface).second) {
      legs.Fault(link, fmt::format("interface \"{}\" is another link's already", leg.interface));
    }
    out.push_back(std::move(leg));
  }
}

bool IsZoneName(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

void ReadZones(ConfigTable& file, const std::string& run_dir, std::vector<ZoneConfig>& out) {
  ConfigTable zones = file.Table("zones");
  for (const std::string& name : zones.Keys()) {
    if (zones.IsString(name)) {
      zones.Fault(name, fmt::format("a table, as [zones.{}] with bus = \"system\"", name));
      continue;
    }
    ConfigTable table = zones.Table(name);
    ZoneConfig zone = {name, fmt::format("{}/zones/{}/bus", run_dir, name)};
    if (!IsZoneName(name)) zones.Fault(name, "a zone's name is 1 to 32 of a-z, 0-9 and '-'");
    table.Read("bus", zone.bus);
    if (zone.bus == "system") zone.bus = "/run/dbus/system_bus_socket";
    if (zone.bus.empty() || zone.bus[0] != '/' || zone.bus.size() > kSocketPathMax) {
      table.Fault("bus", fmt::format("\"{}\" is neither \"system\" nor the path of a socket, "
                                     "beginning with '/', of at most {} bytes",
                                     zone.bus, kSocketPathMax));
    }
    table.RejectUnknown();
    out.push_back(std::move(zone));
  }
}

}  // namespace

std::string CommonOptions::SocketPath(std::string_view service) const {
  return instance == 0 ? fmt::format("{}/{}.sock", run_dir, service)
                       : fmt::format("{}/{}@{}.sock", run_dir, service, instance);
}

bool IsLinkName(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

CommonOptions LoadCommonOptions(ConfigTable& file) {
  CommonOptions options;
  file.Read("run_dir", options.run_dir);
  file.Read("state_dir", options.state_dir);
  file.Read("pki_dir", options.pki_dir);
  if (file.Read("http_address", options.http_address) && !IpAddress::Parse(options.http_address)) {
    file.Fault("http_address", "must be an IP address; \"::\" is every address of both families");
  }
  std::string level;
  if (file.Read("log_level", level) && !ParseLogLevel(level, options.log_level)) {
    file.Fault("log_level", "must be debug, info, warning or error");
  }
  ReadLegs(file, options.legs);
  ReadZones(file, options.run_dir, options.zones);
  for (const char* table : kServiceTables) file.Allow(table);
  return options;
}

void ReadControlOptions(ConfigTable& table, CommonOptions& options) {
  table.Read("certificate", options.certificate);
  std::string text;
  if (!table.Read("control_listen", text)) return;
  const absl::StatusOr<ControlEndpoint> endpoint = ControlEndpoint::Parse(text);
  if (!endpoint.ok()) return table.Fault("control_listen", FromAbsl(endpoint.status().message()));
  if (endpoint->kind == ControlEndpoint::Kind::kUnix || !endpoint->is_address) {
    return table.Fault("control_listen",
                       fmt::format("\"{}\": must be the address of the control leg, as "
                                   "in \"tls://[2001:db8::1]:9564\"",
                                   text));
  }
  const int port = endpoint->port + 10 * options.instance;
  if (port > std::numeric_limits<uint16_t>::max())
    return table.Fault("control_listen",
                       fmt::format("port {}, of this instance, is too high", port));
  options.listen = *endpoint;
  options.listen->port = static_cast<uint16_t>(port);
}

std::vector<std::string> RestartKeys(const CommonOptions& running, const CommonOptions& wanted) {
  std::vector<std::string> keys;
  if (running.run_dir != wanted.run_dir) keys.push_back("run_dir");
  if (running.state_dir != wanted.state_dir) keys.push_back("state_dir");
  if (running.pki_dir != wanted.pki_dir) keys.push_back("pki_dir");
  if (running.listen != wanted.listen) keys.push_back("control_listen");
  if (running.certificate != wanted.certificate) keys.push_back("certificate");
  if (running.http_address != wanted.http_address) keys.push_back("http_address");
  if (running.legs != wanted.legs) keys.push_back("legs");
  if (running.zones != wanted.zones) keys.push_back("zones");
  return keys;
}

}  // namespace headwater
