#pragma once

#include "services/common/config/config_table.h"
#include "services/rtp-packager/options.h"

namespace headwater::packager {

// Reads the table [rtp-packager] over `options`; faults are kept in the table.
void ReadOptions(ConfigTable& table, Options& options);

}  // namespace headwater::packager
