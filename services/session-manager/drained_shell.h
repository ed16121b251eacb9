#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <set>
#include <string>

namespace headwater::session_manager {

// Names of the drained senders, which a manager leaves to its successor: one a line, in a file that
// is replaced whole. Names that the configuration lacks stay in it: a sender may come back.

// Empty when there is no such file. UNAVAILABLE names it and the reason; DATA_LOSS: it is larger
// than any list of senders.
absl::StatusOr<std::set<std::string>> LoadDrained(const std::string& path);
// UNAVAILABLE names the file and the reason; what was there is there still.
absl::Status SaveDrained(const std::string& path, const std::set<std::string>& names);

}  // namespace headwater::session_manager
