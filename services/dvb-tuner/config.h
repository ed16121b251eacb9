#pragma once

#include "services/common/config/config_table.h"
#include "services/dvb-tuner/options.h"

namespace headwater::tuner {

// Reads [dvb-tuner]; absent keys keep the defaults of options.h, faults go into the table. The
// carriers file's path is relative to the configuration.
Options ReadOptions(ConfigTable& table);

}  // namespace headwater::tuner
