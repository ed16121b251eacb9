#include "services/sap-announcer/announce_convert.h"

#include <fmt/format.h>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/rpc/media_format_proto.h"
#include "services/common/rpc/proto_convert.h"

namespace headwater {
namespace {

// Seconds from 1900 to 1970 (RFC 5905).
constexpr int64_t kNtpToUnix = 2'208'988'800;

absl::Status Invalid(std::string_view text) { return absl::InvalidArgumentError(ToAbsl(text)); }

}  // namespace

absl::StatusOr<Announcement> AnnouncementFromProto(const announce::v1::Announcement& proto) {
  Announcement announcement;
  ASSIGN_OR_RETURN(announcement.channel, ChannelFromProto(proto.channel()));
  announcement.number = proto.number();
  for (const auto& link : proto.links()) {
    if (!announcement.links.emplace(link.link(), link.joins_total()).second) {
      return Invalid(fmt::format("links: {} stands twice", link.link()));
    }
  }
  if (proto.format().payload_type() > 127) {
    return Invalid(
        fmt::format("format.payload_type: {} is not 0..127", proto.format().payload_type()));
  }
  announcement.format = FormatFromProto<SdpFormat>(proto.format());
  announcement.media_bits_per_second = proto.format().bits_per_second();
  announcement.format_description = proto.format().description();
  announcement.name = proto.info().name();
  announcement.title = proto.info().title();
  announcement.url = proto.info().url();
  // A time before 1900 says nothing.
  const int64_t began = proto.info().began().seconds() + kNtpToUnix;
  if (proto.info().has_began() && began > 0) announcement.began_ntp = static_cast<uint64_t>(began);
  if (proto.hop_limit() < 1 || proto.hop_limit() > 255) {
    return Invalid(fmt::format("hop_limit: {} is not 1..255", proto.hop_limit()));
  }
  announcement.hop_limit = static_cast<uint8_t>(proto.hop_limit());
  announcement.origin = {.id = proto.origin().id(),
                         .version = proto.origin().version(),
                         .past_versions = {proto.origin().past_versions().begin(),
                                           proto.origin().past_versions().end()}};
  announcement.changed = proto.changed();
  return announcement;
}

absl::StatusOr<RtspServer::Answer> AnswerFromProto(
    const announce::v1::AnswerQuestionRequest& proto) {
  switch (proto.answer_case()) {
    case announce::v1::AnswerQuestionRequest::kDescription: {
      ASSIGN_OR_RETURN(Announcement description, AnnouncementFromProto(proto.description()));
      return RtspServer::Answer(std::move(description));
    }
    case announce::v1::AnswerQuestionRequest::kNotFound:
      return RtspServer::Answer(RtspServer::NotFound{proto.not_found()});
    case announce::v1::AnswerQuestionRequest::kUnavailable:
      return RtspServer::Answer(RtspServer::Unavailable{proto.unavailable()});
    case announce::v1::AnswerQuestionRequest::ANSWER_NOT_SET:
      break;
  }
  return Invalid("answer: not set");
}

announce::v1::Origin ToProto(const Origin& origin) {
  announce::v1::Origin proto;
  proto.set_id(origin.id);
  proto.set_version(origin.version);
  for (uint64_t past : origin.past_versions) proto.add_past_versions(past);
  return proto;
}

announce::v1::Announcement ToProto(const Announcement& announcement) {
  announce::v1::Announcement proto;
  *proto.mutable_channel() = ToProto(announcement.channel);
  proto.set_number(announcement.number);
  for (const auto& [link, joins_total] : announcement.links) {
    auto* entry = proto.add_links();
    entry->set_link(link);
    entry->set_joins_total(joins_total);
  }
  auto* format = proto.mutable_format();
  *format = FormatToProto(announcement.format);
  format->set_bits_per_second(announcement.media_bits_per_second);
  format->set_description(announcement.format_description);
  auto* info = proto.mutable_info();
  info->set_name(announcement.name);
  info->set_title(announcement.title);
  info->set_url(announcement.url);
  if (announcement.began_ntp != 0) {
    info->mutable_began()->set_seconds(static_cast<int64_t>(announcement.began_ntp) - kNtpToUnix);
  }
  proto.set_hop_limit(announcement.hop_limit);
  *proto.mutable_origin() = ToProto(announcement.origin);
  return proto;
}

}  // namespace headwater
