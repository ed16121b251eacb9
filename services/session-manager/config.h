#pragma once

#include "services/common/config/config_table.h"
#include "services/common/runtime/common_options.h"
#include "services/session-manager/options.h"

namespace headwater::session_manager {

// Table [session-manager]; faults are kept in it.
Options ReadOptions(ConfigTable& table, const CommonOptions& common);

}  // namespace headwater::session_manager
