#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/directory-resolver/catalogue.h"
#include "services/directory-resolver/dvb_options.h"
#include "services/directory-resolver/options.h"

namespace headwater::directory_resolver {

// Limits of what the tuners may tell; a lineup beyond them is refused whole.
inline constexpr size_t kDvbTunersMax = 16;
inline constexpr size_t kDvbCarriersMax = 4096;
inline constexpr size_t kDvbCarrierServicesMax = 1024;

// A service as a tuner tells of it; text is cleaned.
struct DvbService {
  uint16_t id = 0;
  DvbType type = DvbType::kUnknown;
  std::string name;
  std::string provider;
  bool scrambled = false;
  // 0: none.
  uint16_t channel_number = 0;

  bool operator==(const DvbService&) const = default;
};

// A carrier as a tuner tells of it.
struct DvbCarrier {
  // The same for ever, made from how it is tuned: "28.2E 11426.5H", "DVBT2 506 plp 1".
  std::string id;
  // "DVBS2", "NETWORK"...
  std::string system;
  uint32_t frequency_khz = 0;
  std::string position;
  // 13: vertical, 18: horizontal, 0: none.
  uint8_t voltage = 0;
  // 0: not seen yet.
  uint16_t original_network_id = 0;
  uint16_t transport_stream_id = 0;
  std::string name;
  // By id.
  std::vector<DvbService> services;

  bool satellite() const { return system.starts_with("DVBS"); }
  bool operator==(const DvbCarrier&) const = default;
};

// By name of the tuner service; "" is the only one.
using DvbLineups = std::map<std::string, std::vector<DvbCarrier>>;

// INVALID_ARGUMENT: ids twice or empty, more than the limits allow.
absl::Status CheckLineup(const std::vector<DvbCarrier>& carriers);

// What is to be known after a tuner has told `told`: unknown is not absent, so a carrier whose
// tables nobody has read since the tuner started keeps its ids and services from `before`.
// `is_read` says whether they have been. In order of ids.
std::vector<DvbCarrier> MergeLineup(const std::vector<DvbCarrier>& before,
                                    std::vector<DvbCarrier> told,
                                    absl::FunctionRef<bool(const std::string& id)> is_read);

// Whether a directory's numbers are made from frequency and service (dvb_number.h), not
// assigned.
bool HasEncodedNumbers(const NumberPrefix& prefix);

// Says whether a station of the directory has a number.
using IsNumbered =
    absl::FunctionRef<bool(const std::string& directory, const std::string& identity)>;

// The stations of all directories of kind dvb. A service goes to the first directory, in the order
// of the configuration, that takes it: one within 0xC0000000/2 takes those of satellites of its
// position whose number leads to it, every other one what its filters let pass. What none takes is
// no station; where that is for want of a number, a warning says so.
std::vector<DirectoryLineup> PlaceServices(const std::vector<DirectoryOptions>& directories,
                                           const DvbLineups& lineups, IsNumbered is_numbered);

}  // namespace headwater::directory_resolver
