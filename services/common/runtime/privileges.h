#pragma once

#include <absl/status/status.h>

namespace headwater {

// Gives up every capability of this process for good (sets, bounding and ambient) and the way back
// to them (no_new_privs). Capabilities belong to threads, so this comes before any thread is
// started. User and group stay: a unit or container chooses them.
absl::Status DropPrivileges();

}  // namespace headwater
