#pragma once

#include <absl/status/statusor.h>

#include "services/common/mpegts/si_table.h"
#include "services/dvb-tuner/carrier.h"

namespace headwater::tuner {

// The carrier that a NIT describes, seen from `home`, the carrier by which the NIT came: whatever
// leads to the same dish (-S, -k, --lnb-type) is home's. INVALID_ARGUMENT: no delivery system that
// dvblast can receive.
absl::StatusOr<Carrier> CarrierFromNetwork(const mpegts::NetworkInformation::Transport& transport,
                                           const Carrier& home, const Positions& positions);

// Whether two are the same transmission although tables round where people do not: within 2 MHz on
// a satellite, 0.5 MHz elsewhere, of the same position, polarisation, stream and generation of
// delivery systems.
bool SameTransmission(const Carrier& a, const Carrier& b);

}  // namespace headwater::tuner
