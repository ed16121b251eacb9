#pragma once

#include <absl/status/status.h>

#include "services/headwaterctl/client_shell.h"
#include "services/headwaterctl/commands.h"

namespace headwater {

// What dvb-tuner has and does; as in commands.h.
absl::Status DvbTuners(HeadendClient& client, const Invocation& invocation);
absl::Status DvbCarriers(HeadendClient& client, const Invocation& invocation);
absl::Status DvbServices(HeadendClient& client, const Invocation& invocation);
// Says each carrier as it is tried, and at the end what has changed.
absl::Status DvbScan(HeadendClient& client, const Invocation& invocation);
// A meter that stays in place on a terminal, else a line for each change; until interrupted.
// NOT_FOUND: no such tuner.
absl::Status DvbSignal(HeadendClient& client, const Invocation& invocation);

}  // namespace headwater
