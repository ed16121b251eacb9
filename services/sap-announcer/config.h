#pragma once

#include "services/common/config/config_table.h"
#include "services/sap-announcer/options.h"

namespace headwater {

// Reads [sap-announcer]; faults go into the table.
AnnouncerOptions ReadAnnouncerOptions(ConfigTable& table);

}  // namespace headwater
