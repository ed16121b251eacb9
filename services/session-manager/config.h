#pragma once

#include "services/common/config/config_table.h"
#include "services/common/runtime/common_options.h"
#include "services/session-manager/options.h"

namespace headwater::session_manager {

// Table [session-manager]; faults are kept in it.
Options ReadOptions(ConfigTable& table, const CommonOptions& common);
// Whether an endpoint is reached by mutual TLS, so that a certificate is needed.
bool UsesTls(const Options& options);

}  // namespace headwater::session_manager
