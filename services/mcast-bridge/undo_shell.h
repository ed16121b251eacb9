#pragma once

#include "services/common/runtime/common_options.h"
#include "services/mcast-bridge/bridge_shell.h"

namespace headwater::bridge {

// Where an instance has its files, and its table's name.
BridgeShell::Paths PathsOf(const CommonOptions& options);

// `mcast-bridge --undo --config FILE`: undoes what the journal has and ends. The exit status.
int Undo(int argc, char** argv);

}  // namespace headwater::bridge
