#pragma once

#include <absl/status/status.h>

#include "services/headwaterctl/commands.h"

namespace headwater {

// The control leg's certificates, in files; no headend is asked. As in commands.h.
absl::Status PkiInit(HeadendClient& client, const Invocation& invocation);
absl::Status PkiIssue(HeadendClient& client, const Invocation& invocation);
absl::Status PkiRenew(HeadendClient& client, const Invocation& invocation);
absl::Status PkiList(HeadendClient& client, const Invocation& invocation);

}  // namespace headwater
