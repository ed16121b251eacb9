#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>

#include "services/dvb-tuner/lineup.h"

namespace headwater::tuner {

// What a process leaves to its successor: carriers and services as it knew them, one file of
// delimited Carrier messages, replaced whole so that there is never half of one.

// UNAVAILABLE names the file and the reason.
absl::Status SaveLineup(const std::string& path, const Lineup& lineup);
// Adds what the file has; OK when there is none. A carrier that the configuration names otherwise
// by now (its positions are others) is left out. DATA_LOSS: not such a file; nothing is added.
absl::Status LoadLineup(const std::string& path, const Positions& positions, Lineup& lineup);

// Under another name first, and then in the place of what was there.
absl::Status ReplaceFile(const std::string& path, std::string_view text);

}  // namespace headwater::tuner
