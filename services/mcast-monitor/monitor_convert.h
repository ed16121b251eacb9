#pragma once

#include <absl/status/statusor.h>

#include "headwater/monitor/v1/monitor.pb.h"
#include "services/mcast-monitor/monitor_shell.h"

namespace headwater::monitor {

v1::Event ToProto(const Event& event);
// INVALID_ARGUMENT names what cannot be.
absl::StatusOr<EventFilter> FilterFromProto(const v1::EventFilter& proto);
v1::GetNtpResponse NtpToProto(const MonitorShell& shell);
v1::GetStatusResponse StatusToProto(MonitorShell& shell);

}  // namespace headwater::monitor
