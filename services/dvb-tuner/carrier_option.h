#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headwater::tuner {

// An option of dvblast 3.4 that describes a carrier.
enum class CarrierOption : uint8_t {
  kFrequency,
  kVoltage,
  kSymbolRate,
  kSatellite,
  kUncommitted,
  kDelivery,
  kFec,
  kModulation,
  kRolloff,
  kInversion,
  kPilot,
  kBandwidth,
  kFecLowPriority,
  kGuard,
  kHierarchy,
  kTransmission,
  kForcePulse,
  kLnbType,
  kMultistream,
  kPlsMode,
  kPlsCode,
  kStreamId,
  kPlp,
  kLockTimeout,
  kInput,
  // Say which card is used: taken and left out.
  kAdapter,
  kFrontend,
};

struct OptionRule {
  CarrierOption option;
  std::string_view brief;  // "-f"; empty where 3.4 has only the long form that works
  std::string_view full;   // "--frequency"
  bool has_value = true;
  // Words (no letter case) or whole numbers; a number within [min, max] will do as well.
  std::vector<std::string_view> words = {};
  int64_t min = 1;
  int64_t max = 0;  // less than min: no numbers but those in words
  // For -D.
  bool free_text = false;

  // "-f", "--lnb-type".
  std::string_view name() const { return brief.empty() ? full : brief; }
  // "12, 23 or 34", "0 to 255".
  std::string Allowed() const;
};

std::span<const OptionRule> OptionRules();
// "-f, -v, -s, ..., --lnb-type".
std::string AllowedOptions();

// What separates words, and ends a line that was written elsewhere.
inline constexpr std::string_view kBlanks = " \t\r\v\f";

// A line taken apart, each value checked by its rule.
struct GivenOption {
  const OptionRule* rule = nullptr;
  std::string value;
};
// INVALID_ARGUMENT: an option that is unknown, twice there, without its value or with a wrong one.
absl::Status ParseOptions(std::string_view line, std::vector<GivenOption>& out);

}  // namespace headwater::tuner
