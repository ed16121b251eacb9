#include "services/dvb-tuner/config.h"

#include <absl/strings/ascii.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "services/common/runtime/common_options.h"
#include "services/dvb-tuner/endpoint_text.h"

namespace headwater::tuner {
namespace {

constexpr size_t kPositionsMax = 4;
constexpr size_t kTunersMax = 64;

void ReadTimes(ConfigTable& table, ReceptionOptions& options) {
  table.Read("retune_hold", options.retune_hold, {0s, 10min});
  table.Read("lock_timeout", options.lock_timeout, {100ms, 60s});
  table.Read("lock_patience", options.lock_patience, {1s, 10min});
  table.Read("lost_patience", options.lost_patience, {1s, 1h});
  table.Read("service_patience", options.service_patience, {1s, 10min});
  table.Read("descramble_patience", options.descramble_patience, {1s, 10min});
  table.Read("orphan_timeout", options.orphan_timeout, {10s, 24h});
  table.Read("leases_max", options.leases_max, {1, 65536});
}

void ReadPosition(ConfigTable& table, Positions& positions) {
  const auto check = [&](std::string_view key, const std::string& name) {
    const bool good = name.size() <= 16 && name.find_first_of(" \t") == std::string::npos;
    if (!good) table.Fault(key, "a position is a word of up to 16 bytes, as \"28.2E\"");
  };
  table.Read("position", positions.standard);
  check("position", positions.standard);
  table.Read("positions", positions.by_switch);
  if (positions.by_switch.size() > kPositionsMax) {
    table.Fault("positions", fmt::format("a switch has {} positions", kPositionsMax));
  }
  for (const std::string& name : positions.by_switch) check("positions", name);
}

void ReadSystems(ConfigTable& table, std::vector<DeliverySystem>& systems) {
  std::vector<std::string> names;
  table.Read("delivery_systems", names);
  if (names.empty()) {
    table.Fault("delivery_systems", "says what the tuner can receive, as [\"DVBS\", \"DVBS2\"]");
  }
  for (const std::string& name : names) {
    bool found = false;
    for (int i = 0; i < static_cast<int>(DeliverySystem::kNetwork); ++i) {
      const auto system = static_cast<DeliverySystem>(i);
      if (name != Name(system)) continue;
      systems.push_back(system);
      found = true;
    }
    if (!found) {
      table.Fault("delivery_systems", "allowed are DVBS, DVBS2, DVBT, DVBT2, DVBC, ATSC and ISDBT");
    }
  }
}

TunerOptions ReadTuner(ConfigTable& table) {
  TunerOptions tuner;
  table.Read("name", tuner.name);
  if (!IsLinkName(tuner.name)) {
    table.Fault("name", "1 to 32 of a-z, 0-9, '-', '_' and '.'");
  }
  ReadSystems(table, tuner.systems);
  table.Read("positions", tuner.positions);
  std::string server;
  if (table.Read("satip", server)) {
    tuner.kind = TunerKind::kSatip;
    const auto endpoint = ParseEndpoint(server, 554);
    if (!endpoint && server != "search") {
      table.Fault("satip", "address of the server in figures, as \"192.0.2.5\", or \"search\"");
    }
    if (endpoint) {
      tuner.server = endpoint->address.ToString();
      tuner.server_port = endpoint->port;
    }
    table.Read("server_frontend", tuner.server_frontend, {0, 64});
    if (table.Read("search_from", tuner.search_from)) {
      const auto own = IpAddress::Parse(tuner.search_from);
      if (!own || !own->is_v4()) table.Fault("search_from", "an IPv4 address of this host");
    }
  } else {
    table.Read("adapter", tuner.adapter, {0, 255});
    table.Read("frontend", tuner.frontend, {0, 255});
    table.Read("ca", tuner.ca, {0, 255});
    table.Read("pid_filter", tuner.pid_filter);
  }
  table.RejectUnknown();
  return tuner;
}

void AddNetworkInputs(ConfigTable& table, std::vector<TunerOptions>& tuners) {
  size_t inputs = 0;
  table.Read("network_inputs", inputs, {0, 32});
  for (size_t i = 0; i < inputs; ++i) {
    tuners.push_back({.name = fmt::format("network{}", i),
                      .kind = TunerKind::kNetwork,
                      .systems = {DeliverySystem::kNetwork}});
  }
}

}  // namespace

Options ReadOptions(ConfigTable& table) {
  Options options;
  ReadTimes(table, options.reception);
  ReadPosition(table, options.positions);
  if (table.Read("carriers", options.carriers_path)) {
    const std::filesystem::path path(options.carriers_path);
    if (path.is_relative()) options.carriers_path = table.directory() / path;
  }
  table.Read("dvblast", options.dvblast);
  table.Read("any_type", options.any_type);
  table.Read("latency", options.latency, {0ms, 5s});
  for (ConfigTable& tuner : table.Tables("tuners")) options.tuners.push_back(ReadTuner(tuner));
  AddNetworkInputs(table, options.tuners);
  std::set<std::string> names;
  for (const TunerOptions& tuner : options.tuners) {
    if (!names.insert(tuner.name).second) {
      table.Fault("tuners", fmt::format("two tuners are called \"{}\"", tuner.name));
    }
  }
  if (options.tuners.size() > kTunersMax) {
    table.Fault("tuners", fmt::format("at most {} tuners", kTunersMax));
  }
  return options;
}

}  // namespace headwater::tuner
