#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/config/config_table.h"
#include "services/common/control/control_endpoint.h"
#include "services/common/log/logger.h"
#include "services/common/net/legs.h"

namespace headwater {

// A trust zone of mDNS: the links that share one isolated Avahi, and the bus that it is on.
struct ZoneConfig {
  // 1 to 32 of a-z, 0-9 and '-'.
  std::string name;
  // Path of the bus's socket.
  std::string bus;
  bool operator==(const ZoneConfig&) const = default;
};

// What every service reads from the top of the one configuration file.
struct CommonOptions {
  // Folder of the services' sockets.
  std::string run_dir = "/run/headwater";
  // Folder of what must survive a restart.
  std::string state_dir = "/var/lib/headwater";
  // Folder of the control leg's certificates.
  std::string pki_dir = "/etc/headwater/pki";
  LogLevel log_level = LogLevel::kInfo;
  // Where /metrics, /livez and /readyz are served; "::" is IPv4 and IPv6.
  std::string http_address = "::";
  // This instance's number, 0..9; it is added tenfold to the HTTP port and names the socket unless
  // 0. From the command line.
  int instance = 0;
  // [legs]: link = "interface", or link = { interface = "...", service_address_ipv4 = "...",
  // service_address_ipv6 = "..." }.
  std::vector<LegConfig> legs;
  // [zones.NAME]: bus = "system" for the machine's own, or a path; default
  // "<run_dir>/zones/NAME/bus".
  std::vector<ZoneConfig> zones;

  // Of the service's own table: where it listens beside its socket ("tls://[2001:db8::1]:9564"; the
  // port + 10 x instance), and its certificate where that is not in pki_dir under its name.
  std::optional<ControlEndpoint> listen;
  std::string certificate;

  // "<run_dir>/rtp-packager.sock", "<run_dir>/rtp-packager@2.sock".
  std::string SocketPath(std::string_view service) const;
};

// Reads the common keys, [legs] among them, and knows the names of every service's table, so that a
// misspelt table is a fault. Faults are kept in `file`.
CommonOptions LoadCommonOptions(ConfigTable& file);

// Reads `control_listen` and `certificate` of a service's own table; options.instance is known by
// then.
void ReadControlOptions(ConfigTable& table, CommonOptions& options);

// Keys that differ and that a running service cannot change.
std::vector<std::string> RestartKeys(const CommonOptions& running, const CommonOptions& wanted);

// A link's name: 1 to 32 of a-z, 0-9, '-', '_' and '.'. It appears in metrics' labels and on
// command lines.
bool IsLinkName(std::string_view name);

}  // namespace headwater
