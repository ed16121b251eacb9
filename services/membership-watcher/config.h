#pragma once

#include "services/common/config/config_table.h"
#include "services/membership-watcher/options.h"

namespace headwater::membership {

// Reads [membership-watcher]; absent keys keep the defaults of options.h, faults go into the table.
void ReadOptions(ConfigTable& table, Options& options);

}  // namespace headwater::membership
