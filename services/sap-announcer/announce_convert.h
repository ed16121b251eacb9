#pragma once

#include <absl/status/statusor.h>

#include "headwater/announce/v1/announce.pb.h"
#include "services/sap-announcer/announcement.h"
#include "services/sap-announcer/rtsp_server.h"

namespace headwater {

// INVALID_ARGUMENT names the field.
absl::StatusOr<Announcement> AnnouncementFromProto(const announce::v1::Announcement& proto);
absl::StatusOr<RtspServer::Answer> AnswerFromProto(
    const announce::v1::AnswerQuestionRequest& proto);
announce::v1::Announcement ToProto(const Announcement& announcement);
announce::v1::Origin ToProto(const Origin& origin);

}  // namespace headwater
