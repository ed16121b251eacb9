#pragma once

#include <absl/status/statusor.h>

#include "headwater/directory/v1/directory.pb.h"
#include "headwater/types/v1/types.pb.h"
#include "services/common/plan/number_plan.h"

namespace headwater {

directory::v1::Plan PlanToProto(const PlanConfig& config);
// INVALID_ARGUMENT names the field and the text. What it returns still goes through
// NumberPlan::Build.
absl::StatusOr<PlanConfig> PlanFromProto(const directory::v1::Plan& plan);

types::v1::StationKind StationKindToProto(StationKind kind);
types::v1::MediaContainer MediaContainerToProto(MediaContainer container);

}  // namespace headwater
