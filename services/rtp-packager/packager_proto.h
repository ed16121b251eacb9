#pragma once

#include <absl/status/statusor.h>

#include "headwater/packager/v1/packager.pb.h"
#include "services/common/time/clock.h"
#include "services/rtp-packager/packager.h"
#include "services/rtp-packager/probe.h"

namespace headwater::packager {

// INVALID_ARGUMENT names the field that has no meaning; ranges are the core's to check.
absl::StatusOr<SessionRequest> RequestFromProto(const v1::ApplySessionRequest& proto);
// `clocks`: any reading of both, for the times.
v1::SessionStatus ToProto(const SessionStatus& status, const ClockPair& clocks);
v1::StopSessionResponse ToProto(const SessionEnd& end);
v1::ProbeResponse ToProto(const ProbeResult& result);

}  // namespace headwater::packager
