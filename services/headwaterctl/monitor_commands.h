#pragma once

#include <absl/status/status.h>

#include "services/headwaterctl/client_shell.h"
#include "services/headwaterctl/commands.h"

namespace headwater {

// What mcast-monitor has heard and does; as in commands.h.
absl::Status MonitorTail(HeadendClient& client, const Invocation& invocation);
absl::Status MonitorSearch(HeadendClient& client, const Invocation& invocation);
absl::Status MonitorNtp(HeadendClient& client, const Invocation& invocation);
absl::Status MonitorStatus(HeadendClient& client, const Invocation& invocation);
absl::Status MonitorNft(HeadendClient& client, const Invocation& invocation);

}  // namespace headwater
