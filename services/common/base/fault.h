#pragma once

#include <cstdlib>
#include <string_view>

namespace headwater {

// Deliberate faults, to prove that the tests of the central rules can fail. Only a build with
// HEADWATER_FAULTS has them; there the environment variable HEADWATER_FAULT names the one that is
// on. Everywhere else this is a constant false and leaves no code behind. tests/lab/faults lists
// them.
#ifdef HEADWATER_FAULTS
inline bool FaultInjected(std::string_view name) {
  static const char* const chosen = std::getenv("HEADWATER_FAULT");
  return chosen != nullptr && name == chosen;
}
#else
constexpr bool FaultInjected(std::string_view) { return false; }
#endif

}  // namespace headwater
