#pragma once

#include <string>

#include "services/common/config/config_table.h"
#include "services/directory-resolver/options.h"

namespace headwater::directory_resolver {

// Reads [directory-resolver]. Faults go into the table, those of the plan as a whole included.
// Relative lineup paths are taken from the configuration file's folder.
Options ReadOptions(ConfigTable& table, const std::string& state_dir);

}  // namespace headwater::directory_resolver
