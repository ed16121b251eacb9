#pragma once

#include <absl/status/status.h>

#include <span>

namespace headwater {

// Gives up every capability of this process for good (sets, bounding and ambient) and the way back
// to them (no_new_privs). Capabilities belong to threads, so this comes before any thread is
// started. User and group stay: a unit or container chooses them. Those in `kept`
// (CAP_NET_ADMIN...) stay, for the programs too that this process runs; PERMISSION_DENIED when it
// has not got them.
absl::Status DropPrivileges(std::span<const int> kept = {});

}  // namespace headwater
