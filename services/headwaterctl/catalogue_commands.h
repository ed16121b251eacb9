#pragma once

#include <absl/status/status.h>

#include "services/headwaterctl/client_shell.h"
#include "services/headwaterctl/commands.h"

namespace headwater {

// Commands that keep the catalogue; as in commands.h.
absl::Status StationShow(HeadendClient& client, const Invocation& invocation);
// Tests the URL live, shows what it is and the number and group that it would have, and adds it
// with
// --yes or when a person says so. FAILED_PRECONDITION when it does not play.
absl::Status StationAdd(HeadendClient& client, const Invocation& invocation);
absl::Status StationRemove(HeadendClient& client, const Invocation& invocation);
// Tests a station or a URL live; the result of a station is kept. FAILED_PRECONDITION when it does
// not play.
absl::Status StationCheck(HeadendClient& client, const Invocation& invocation);
absl::Status StationDisable(HeadendClient& client, const Invocation& invocation);
absl::Status StationEnable(HeadendClient& client, const Invocation& invocation);
absl::Status StationFavourite(HeadendClient& client, const Invocation& invocation);
absl::Status StationAlias(HeadendClient& client, const Invocation& invocation);
absl::Status DirectoryList(HeadendClient& client, const Invocation& invocation);
absl::Status DirectoryRefresh(HeadendClient& client, const Invocation& invocation);
absl::Status DirectoryDiff(HeadendClient& client, const Invocation& invocation);

}  // namespace headwater
