#pragma once

#include "services/common/config/config_table.h"
#include "services/common/runtime/common_options.h"
#include "services/mcast-monitor/options.h"

namespace headwater::monitor {

// Reads [mcast-monitor]; faults are kept in the table.
Options ReadOptions(ConfigTable& table, const CommonOptions& common);

}  // namespace headwater::monitor
