#pragma once

#include <absl/status/statusor.h>

#include "headwater/tuner/v1/tuner.pb.h"
#include "services/dvb-tuner/tuner_shell.h"

namespace headwater::tuner {

// INVALID_ARGUMENT names what is wrong.
absl::StatusOr<LeaseRequest> LeaseFromProto(const v1::AcquireServiceRequest& request);
ScanRequest ScanFromProto(const v1::ScanRequest& request);

v1::Lease ToProto(const Lease& lease, const TunerShell& shell);
v1::Tuner ToProto(const Tuner& tuner, size_t index, const TunerShell& shell);
v1::Carrier ToProto(const LineupCarrier& entry);
v1::Guide ToProto(const ServiceKey& key, const Guide::Programme& programme);
v1::ScanStep ToProto(const ScanStep& step);
v1::ScanResult ToProto(const ScanResult& result);

}  // namespace headwater::tuner
