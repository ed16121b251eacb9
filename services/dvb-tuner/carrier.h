#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headwater::tuner {

// What dvblast's -5 knows, put together as tuners differ, and what -D reads.
enum class DeliverySystem : uint8_t {
  kDvbs,
  kDvbs2,
  kDvbt,
  kDvbt2,
  kDvbc,
  kAtsc,  // over the air and by cable (DVBC_ANNEX_B)
  kIsdbt,
  kNetwork,
};
inline constexpr int kDeliverySystemCount = 8;

// As in the configuration: "DVBS", "DVBC", "network".
std::string_view Name(DeliverySystem system);

// Names of the orbital positions, which are part of a satellite carrier's id.
struct Positions {
  // Where a line has no -S.
  std::string standard;
  // Of -S 1 to 4 (A and B are the first two), as far as configured.
  std::vector<std::string> by_switch;
};

// One transponder or multiplex, as one line of dvblast's options tells it.
struct Carrier {
  // The same for ever: position, frequency, polarisation and stream; never modulation or code
  // rates. "28.2E 11426.5H", "12441V isi 3", "DVBT2 506 plp 1", "rtp://239.1.1.1:5004".
  std::string id;
  // In the order in which they were written; -a and -n are left out, since the pool chooses.
  std::vector<std::string> options;
  DeliverySystem system = DeliverySystem::kDvbs;
  // What -5 is to say; empty for kNetwork.
  std::string delivery;
  uint32_t frequency_khz = 0;
  std::string position;
  uint8_t voltage = 0;  // 13: vertical or right, 18: horizontal or left, 0: none
  // Of a multistream (-1 and its kin) or a DVB-T2 PLP (-9).
  uint32_t stream = 0;
  // Of kNetwork: "udp://...", "rtp://...", "file:///...", which the id is made from.
  std::string input;
  // One line for people, from a comment or a NIT.
  std::string name;

  bool satellite() const {
    return system == DeliverySystem::kDvbs || system == DeliverySystem::kDvbs2;
  }
  // "-f 11426500 -v 18 -5 DVBS -s 27500000 -F 23"
  std::string Command() const;
  // The same with -5 where the line leaves it to be guessed, ready for dvblast.
  std::vector<std::string> Arguments() const;
  bool operator==(const Carrier&) const = default;
};

// Reads a dvblast command line, with or without the word "dvblast". INVALID_ARGUMENT names the
// option and what is allowed.
absl::StatusOr<Carrier> ParseCarrier(std::string_view line, const Positions& positions);

}  // namespace headwater::tuner
