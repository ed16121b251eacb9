#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headwater {

// Who may call what on the control leg: the one table. `path` is a gRPC method,
// "/headwater.packager.v1.PackagerService/ApplySession". Empty when `caller` (a role) may; else the
// reason, for a person. What the table does not name is refused to everybody.
std::optional<std::string> RefuseCall(std::string_view caller, std::string_view path);

// What a client checks of the server before it says anything: `service` is the gRPC service that it
// is about to call, "headwater.packager.v1.PackagerService". Empty when a server of that role is
// the one that serves it; health and reflection are everybody's.
std::optional<std::string> RefuseServer(std::string_view server, std::string_view service);

}  // namespace headwater
