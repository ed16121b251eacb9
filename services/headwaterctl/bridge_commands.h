#pragma once

#include <absl/status/status.h>

#include "services/headwaterctl/client_shell.h"
#include "services/headwaterctl/commands.h"

namespace headwater {

// What mcast-bridge forwards and how it stands; as in commands.h.
absl::Status BridgeRules(HeadendClient& client, const Invocation& invocation);
absl::Status BridgeRoutes(HeadendClient& client, const Invocation& invocation);
absl::Status BridgeChecks(HeadendClient& client, const Invocation& invocation);
absl::Status BridgeSmcroute(HeadendClient& client, const Invocation& invocation);

}  // namespace headwater
