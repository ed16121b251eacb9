#pragma once

#include <absl/strings/string_view.h>

#include <string>
#include <string_view>

namespace headwater {

// Debian builds Abseil with its own string_view, so text is converted at its border, here and
// nowhere else.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view FromAbsl(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace headwater
