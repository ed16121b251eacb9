#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "headwater/directory/v1/directory.pb.h"
#include "headwater/tuner/v1/tuner.pb.h"
#include "headwater/types/v1/types.pb.h"
#include "services/directory-resolver/dvb_lineup.h"
#include "services/directory-resolver/guide.h"

namespace headwater::directory_resolver {

types::v1::DvbService ToProto(const DvbSource& source);

// A carrier as a tuner tells of it, its text cleaned. INVALID_ARGUMENT names the field.
absl::StatusOr<DvbCarrier> CarrierFromProto(const tuner::v1::Carrier& proto);

// The programme of a service. INVALID_ARGUMENT names the field; an event without a time is left
// out.
struct ToldGuide {
  DvbTriplet service;
  std::vector<GuideEvent> events;
};
absl::StatusOr<ToldGuide> GuideFromProto(const tuner::v1::Guide& proto);

}  // namespace headwater::directory_resolver
