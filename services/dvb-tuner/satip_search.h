#pragma once

#include <string>

#include "services/common/base/bytes.h"

namespace headwater::tuner {

// Search for a SAT>IP server by SSDP (SAT>IP 1.2.2 section 3.3.1, UPnP device architecture 1.1
// section 1.3): what is sent to 239.255.255.250 port 1900, and whether what comes back is a
// server's answer. Its address is the answer's own; nothing of its text is used.
inline constexpr char kSearchGroup[] = "239.255.255.250";
inline constexpr uint16_t kSearchPort = 1900;
std::string SatipSearch();
bool IsSatipServer(Bytes answer);

}  // namespace headwater::tuner
