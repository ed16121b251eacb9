#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "services/common/net/ip_address.h"

namespace headwater::tuner {

// "192.0.2.1", "192.0.2.1:5004", "[ff15::1]:5004", in figures; without a port `standard_port`.
std::optional<Endpoint> ParseEndpoint(std::string_view text, uint16_t standard_port);

}  // namespace headwater::tuner
