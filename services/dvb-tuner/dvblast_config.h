#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"

namespace headwater::tuner {

// What dvblast sends where: one line of its output configuration.
struct DvblastOutput {
  Endpoint to;
  // Of its socket; the port is the kernel's. Unspecified: the kernel's choice.
  IpAddress from;
  // Everything that the tuner delivers, as it is.
  bool whole = false;
  uint16_t service_id = 0;
  // With service_id 0 these PIDs as they are. At most kPidsMax.
  std::vector<uint16_t> pids;

  // dvblast reads lines of up to 2047 bytes.
  static constexpr size_t kPidsMax = 256;
  std::string ToString() const;
  bool operator==(const DvblastOutput&) const = default;
};

std::string DvblastConfig(std::span<const DvblastOutput> outputs);

}  // namespace headwater::tuner
