#pragma once

#include <absl/status/statusor.h>

#include "headwater/announce/v1/announce.pb.h"
#include "services/sap-announcer/announcement.h"

namespace headwater {

// INVALID_ARGUMENT names the field.
absl::StatusOr<Announcement> AnnouncementFromProto(const announce::v1::Announcement& proto);
announce::v1::Announcement ToProto(const Announcement& announcement);
announce::v1::Origin ToProto(const Origin& origin);

}  // namespace headwater
