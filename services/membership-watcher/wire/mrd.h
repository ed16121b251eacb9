#pragma once

#include <cstdint>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"

namespace headwater::membership {

// Multicast router discovery (RFC 4286): what tells snooping switches behind which port a router
// is. Solicitations are read by ParseMld and ParseIgmp.

// All snoopers, of a family.
const IpAddress& AllSnoopers(bool ipv4);

// Appends an advertisement, sent at least each `interval` by a router with these values of its own.
void SerializeAdvertisement(const IpAddress& from, Duration interval, Duration query_interval,
                            int robustness, std::vector<uint8_t>& out);
// Appends what a router says that is one no longer.
void SerializeTermination(const IpAddress& from, std::vector<uint8_t>& out);

}  // namespace headwater::membership
