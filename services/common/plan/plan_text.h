#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "services/common/plan/number_plan.h"

namespace headwater {

// Text forms of the plan, as in configuration and on the control plane. Errors are INVALID_ARGUMENT
// and quote the text.

// "0x80000001", or decimal; any 32-bit value.
absl::StatusOr<uint32_t> ParseNumber(std::string_view text);
// "0x80000001": ten characters.
std::string NumberText(uint32_t number);
// "0x80000000/4": the number and the length, 0..32.
absl::StatusOr<std::pair<uint32_t, int>> ParseNumberPrefix(std::string_view text);
// "239.192.0.0/16", "2001:db8::/64": any length that the family has.
absl::StatusOr<AddressBlock> ParseAddressBlock(std::string_view text);
// "ff3e::8000:1", "[ff3e::8000:1]", "ff3e::8000:1@2001:db8::1" or "2001:db8::1@ff3e::8000:1": the
// group is the multicast one of the two.
absl::StatusOr<Channel> ParseChannel(std::string_view text);

}  // namespace headwater
