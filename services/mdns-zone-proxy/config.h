#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "services/common/config/config_table.h"
#include "services/common/runtime/common_options.h"
#include "services/mdns-zone-proxy/options.h"

namespace headwater::zone {

// Reads [mdns-zone-proxy]; absent keys keep the defaults of options.h, faults go into the table.
// The zones are common's.
Options ReadOptions(ConfigTable& table, const CommonOptions& common);

// The rules of a whole configuration file given as text, which faults call `name`. INVALID_ARGUMENT
// with all faults, a line each.
absl::StatusOr<std::vector<Rule>> RulesFromText(const std::string& text, const std::string& name);

}  // namespace headwater::zone
