#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "headwater/types/v1/types.pb.h"
#include "services/common/net/ip_address.h"
#include "services/common/net/legs.h"
#include "services/common/time/mono_time.h"

namespace headwater {

// INVALID_ARGUMENT names the text that is no multicast group, or no unicast source.
absl::StatusOr<Channel> ChannelFromProto(const types::v1::Channel& proto);
types::v1::Channel ToProto(const Channel& channel);
types::v1::Leg ToProto(const Leg& leg);

google::protobuf::Timestamp ToProto(absl::Time time);
absl::Time FromProto(const google::protobuf::Timestamp& proto);
google::protobuf::Duration ToProto(Duration duration);
// Out of range values are clamped to +-292 years.
Duration FromProto(const google::protobuf::Duration& proto);

}  // namespace headwater
