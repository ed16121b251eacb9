#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

namespace headwater {

// A script for "bash", "zsh" or "fish" that asks `headwaterctl __complete WORDS...` for what may
// follow. INVALID_ARGUMENT names another shell.
absl::StatusOr<std::string> CompletionScript(std::string_view shell);

// What may stand in place of the last of `words` (those after the program's name): commands,
// options, or kLiveGroups, which the caller replaces by asking the headend.
inline constexpr std::string_view kLiveGroups = "<groups>";
std::vector<std::string> Complete(const std::vector<std::string>& words);

}  // namespace headwater
