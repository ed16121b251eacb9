#pragma once

#include "services/common/config/config_table.h"
#include "services/common/runtime/common_options.h"
#include "services/mcast-bridge/options.h"

namespace headwater::bridge {

// Reads [mcast-bridge]; faults go into the table and name the rule.
Options ReadOptions(ConfigTable& table, const CommonOptions& common);

}  // namespace headwater::bridge
