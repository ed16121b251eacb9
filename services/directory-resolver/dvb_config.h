#pragma once

#include "services/common/config/config_table.h"
#include "services/directory-resolver/options.h"

namespace headwater::directory_resolver {

// Reads the keys of a directory of kind dvb, whose prefix has been read.
void ReadDvb(ConfigTable& table, DirectoryOptions& options);

}  // namespace headwater::directory_resolver
