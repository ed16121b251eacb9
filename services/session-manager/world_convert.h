#pragma once

#include <absl/status/statusor.h>

#include "headwater/announce/v1/announce.pb.h"
#include "headwater/membership/v1/membership.pb.h"
#include "headwater/packager/v1/packager.pb.h"
#include "headwater/session/v1/session.pb.h"
#include "headwater/tuner/v1/tuner.pb.h"
#include "headwater/types/v1/types.pb.h"
#include "services/session-manager/membership_view.h"
#include "services/session-manager/outlet.h"
#include "services/session-manager/session.h"

// Messages of other services to the core's plain values and back. An address that does not parse is
// INVALID_ARGUMENT and names the text.
namespace headwater::session_manager {

absl::StatusOr<GroupRecord> FromProto(const membership::v1::GroupMembership& proto);
LinkSync FromProto(membership::v1::LinkSync sync);
Leg FromProto(const types::v1::Leg& proto);
Station FromProto(const types::v1::Station& proto);
absl::StatusOr<PackagerStatus> FromProto(const packager::v1::SessionStatus& proto);
absl::StatusOr<AnnouncementStatus> FromProto(const announce::v1::AnnouncementStatus& proto);
SessionEnd FromProto(const packager::v1::StopSessionResponse& proto);
Origin FromProto(const announce::v1::Origin& proto);
LeaseStatus FromProto(const tuner::v1::Lease& proto);

types::v1::Leg ToProto(const Leg& leg);
types::v1::StreamInfo ToProto(const StreamInfo& info);
types::v1::Station ToProto(const Station& station);
packager::v1::SessionSpec ToProto(const SessionSpec& spec);
tuner::v1::AcquireServiceRequest ToProto(const LeaseSpec& spec);
announce::v1::Announcement ToProto(const Announcement& announcement);
session::v1::Session ToProto(const SessionView& view);
session::v1::TimelineStep ToProto(const TimelineStep& step);

}  // namespace headwater::session_manager
