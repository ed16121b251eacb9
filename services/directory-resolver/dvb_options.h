#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headwater::directory_resolver {

// What a station of a tuner's lineup is. Stored as numbers.
enum class DvbType : uint8_t {
  kUnknown,  // its tables do not tell
  kTv,
  kRadio,
  kData,
  kCarrier,  // a whole carrier
  kPids,     // named PIDs of one
};

// "tv", "radio", "data", "carrier", "pids"; empty for kUnknown.
std::string_view DvbTypeName(DvbType type);

// What a DVB station is received from.
struct DvbSource {
  // The carrier's id in the tuner's lineup.
  std::string carrier;
  // 0: not known.
  uint16_t original_network_id = 0;
  uint16_t transport_stream_id = 0;
  // 0: the whole carrier, or `pids` of it.
  uint16_t service_id = 0;
  std::vector<uint16_t> pids = {};
  DvbType type = DvbType::kUnknown;
  // Logical channel number; 0: none.
  uint16_t channel_number = 0;

  bool operator==(const DvbSource&) const = default;
};

// Named PIDs of a carrier, as a station by hand.
struct DvbPidSet {
  std::string name;
  // The carrier's id in the tuner's lineup.
  std::string carrier;
  // 0..8191, at most kDvbPidsMax.
  std::vector<uint16_t> pids;
  // Needed where numbers are made from services.
  std::optional<uint32_t> number;

  bool operator==(const DvbPidSet&) const = default;
};
inline constexpr size_t kDvbPidsMax = 64;

// Which services of the tuners' lineups a directory of kind dvb has.
struct DvbOptions {
  // Of a directory within 0xC0000000/2: the orbital position whose carriers the numbers stand for,
  // beside carriers that have none.
  std::string position;
  // Of every other one; empty: all, as with the lists below.
  std::vector<std::string> positions;
  // "DVBS2", "DVBT", "NETWORK"...
  std::vector<std::string> systems;
  // kTv, kRadio, kData, kCarrier.
  std::vector<DvbType> types;
  bool free_only = false;
  std::vector<DvbPidSet> pid_sets;

  bool operator==(const DvbOptions&) const = default;
};

}  // namespace headwater::directory_resolver
