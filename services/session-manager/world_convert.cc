#include "services/session-manager/world_convert.h"

#include <array>
#include <string_view>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_proto.h"
#include "services/common/rpc/media_format_proto.h"
#include "services/common/rpc/proto_convert.h"

namespace headwater::session_manager {
namespace {

absl::StatusOr<IpAddress> Address(const std::string& text, std::string_view what) {
  if (auto address = IpAddress::Parse(text)) return *address;
  return absl::InvalidArgumentError(
      absl::string_view(std::string(what) + " is no address: \"" + text + "\""));
}

std::optional<IpAddress> OptionalAddress(const std::string& text) { return IpAddress::Parse(text); }

absl::Time TimeOrPast(bool has, const google::protobuf::Timestamp& time) {
  return has ? headwater::FromProto(time) : absl::InfinitePast();
}

// The closed set of packager.proto; anything else would grow a metric's labels.
std::string FailureReason(const std::string& reason) {
  static constexpr std::array<std::string_view, 14> kReasons = {
      "dns",   "connect", "tls",    "http_status", "redirect", "html", "header",
      "codec", "silence", "policy", "playlist",    "limit",    "feed", "internal"};
  for (const std::string_view known : kReasons) {
    if (reason == known) return reason;
  }
  return "internal";
}

StreamInfo FromProto(const types::v1::StreamInfo& proto) {
  return {.name = proto.name(),
          .title = proto.title(),
          .url = proto.url(),
          .began = TimeOrPast(proto.has_began(), proto.began())};
}

PackagerState FromProto(packager::v1::PackagerState state) {
  switch (state) {
    case packager::v1::PACKAGER_STATE_READY:
      return PackagerState::kReady;
    case packager::v1::PACKAGER_STATE_SENDING:
      return PackagerState::kSending;
    case packager::v1::PACKAGER_STATE_SILENT:
      return PackagerState::kSilent;
    case packager::v1::PACKAGER_STATE_FAILED:
      return PackagerState::kFailed;
    default:
      return PackagerState::kOpening;
  }
}

DvbService FromProto(const types::v1::DvbService& proto) {
  return {.carrier = proto.carrier(),
          .original_network_id = proto.original_network_id(),
          .transport_stream_id = proto.transport_stream_id(),
          .service_id = proto.service_id(),
          .pids = {proto.pids().begin(), proto.pids().end()}};
}

types::v1::DvbService ToProto(const DvbService& service) {
  types::v1::DvbService proto;
  proto.set_carrier(service.carrier);
  proto.set_original_network_id(service.original_network_id);
  proto.set_transport_stream_id(service.transport_stream_id);
  proto.set_service_id(service.service_id);
  for (const uint32_t pid : service.pids) proto.add_pids(pid);
  return proto;
}

LeaseState FromProto(tuner::v1::LeaseState state) {
  switch (state) {
    case tuner::v1::LEASE_STATE_LOCKED:
      return LeaseState::kLocked;
    case tuner::v1::LEASE_STATE_SENDING:
      return LeaseState::kSending;
    case tuner::v1::LEASE_STATE_LOST:
      return LeaseState::kLost;
    case tuner::v1::LEASE_STATE_FAILED:
      return LeaseState::kFailed;
    default:
      return LeaseState::kTuning;
  }
}

StationKind FromProto(types::v1::StationKind kind) {
  switch (kind) {
    case types::v1::STATION_KIND_DVB:
      return StationKind::kDvb;
    case types::v1::STATION_KIND_TEST:
      return StationKind::kTest;
    default:
      return StationKind::kHttp;
  }
}

session::v1::SessionState ToProto(State state) {
  switch (state) {
    case State::kIdle:
      return session::v1::SESSION_STATE_IDLE;
    case State::kResolving:
      return session::v1::SESSION_STATE_RESOLVING;
    case State::kStarting:
      return session::v1::SESSION_STATE_STARTING;
    case State::kLive:
      return session::v1::SESSION_STATE_LIVE;
    case State::kLingering:
      return session::v1::SESSION_STATE_LINGERING;
    case State::kFailed:
      return session::v1::SESSION_STATE_FAILED;
  }
  return session::v1::SESSION_STATE_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<GroupRecord> FromProto(const membership::v1::GroupMembership& proto) {
  GroupRecord record{.link = proto.link(),
                     .exclude = proto.filter_mode() == membership::v1::FILTER_MODE_EXCLUDE,
                     .member_count = proto.member_count(),
                     .joins_total = proto.joins_total(),
                     .last_join = TimeOrPast(proto.has_last_join(), proto.last_join())};
  ASSIGN_OR_RETURN(record.group, Address(proto.group(), "group"));
  for (const std::string& text : proto.sources()) {
    ASSIGN_OR_RETURN(const IpAddress source, Address(text, "source"));
    record.sources.push_back(source);
  }
  return record;
}

LinkSync FromProto(membership::v1::LinkSync sync) {
  switch (sync) {
    case membership::v1::LINK_SYNC_SYNCED:
      return LinkSync::kSynced;
    case membership::v1::LINK_SYNC_DOWN:
      return LinkSync::kDown;
    default:
      return LinkSync::kWarming;
  }
}

Leg FromProto(const types::v1::Leg& proto) {
  return {.link = proto.link(),
          .interface = proto.interface(),
          .up = proto.up(),
          .addresses = {proto.addresses().begin(), proto.addresses().end()},
          .mtu = proto.mtu(),
          .service_address_ipv4 = OptionalAddress(proto.service_address_ipv4()),
          .service_address_ipv6 = OptionalAddress(proto.service_address_ipv6())};
}

Station FromProto(const types::v1::Station& proto) {
  Station station{.number = proto.number(),
                  .title = proto.title(),
                  .kind = FromProto(proto.kind()),
                  .urls = {proto.urls().begin(), proto.urls().end()},
                  .directory = proto.directory(),
                  .known_format = std::nullopt,
                  .tags = {proto.tags().begin(), proto.tags().end()},
                  .homepage = proto.homepage(),
                  .logo_url = proto.logo_url()};
  if (proto.has_known_format())
    station.known_format = FormatFromProto<MediaFormat>(proto.known_format());
  if (proto.has_dvb()) station.dvb = FromProto(proto.dvb());
  return station;
}

absl::StatusOr<PackagerStatus> FromProto(const packager::v1::SessionStatus& proto) {
  PackagerStatus status{
      .number = proto.number(),
      .state = FromProto(proto.state()),
      .error = proto.error(),
      .error_reason = FailureReason(proto.error_reason()),
      .format = std::nullopt,
      .source_format = std::nullopt,
      .info = FromProto(proto.info()),
      .ssrc = proto.ssrc(),
      .sequence = static_cast<uint16_t>(proto.sequence()),
      .last_sent = {.timestamp = proto.timestamp(),
                    .sent = TimeOrPast(proto.has_timestamp_sent(), proto.timestamp_sent())},
      .links = {proto.links().begin(), proto.links().end()},
      .transmit = proto.transmit(),
      .source_url = proto.source_url(),
      .receivers = proto.receivers().receivers(),
      .fraction_lost_max = proto.receivers().fraction_lost_max(),
      .feed = proto.feed()};
  ASSIGN_OR_RETURN(status.channel, ChannelFromProto(proto.channel()));
  if (proto.has_format()) status.format = FormatFromProto<MediaFormat>(proto.format());
  if (proto.has_source_format()) {
    status.source_format = FormatFromProto<MediaFormat>(proto.source_format());
  }
  const packager::v1::StartTimes& times = proto.times();
  status.times = {
      .applied = TimeOrPast(times.has_applied(), times.applied()),
      .source_requested = TimeOrPast(times.has_source_requested(), times.source_requested()),
      .source_answered = TimeOrPast(times.has_source_answered(), times.source_answered()),
      .format_known = TimeOrPast(times.has_format_known(), times.format_known()),
      .first_rtp = TimeOrPast(times.has_first_rtp(), times.first_rtp())};
  return status;
}

SessionEnd FromProto(const packager::v1::StopSessionResponse& proto) {
  return {.sequence = static_cast<uint16_t>(proto.sequence()),
          .next_sent = {.timestamp = proto.timestamp(),
                        .sent = TimeOrPast(proto.has_timestamp_sent(), proto.timestamp_sent())}};
}

Origin FromProto(const announce::v1::Origin& proto) {
  return {.id = proto.id(),
          .version = proto.version(),
          .past_versions = {proto.past_versions().begin(), proto.past_versions().end()}};
}

absl::StatusOr<AnnouncementStatus> FromProto(const announce::v1::AnnouncementStatus& proto) {
  const announce::v1::Announcement& from = proto.announcement();
  AnnouncementStatus status{.announcement = {.number = from.number(),
                                             .links = {},
                                             .format = FormatFromProto<MediaFormat>(from.format()),
                                             .info = FromProto(from.info()),
                                             .hop_limit = static_cast<uint8_t>(from.hop_limit()),
                                             .origin = FromProto(from.origin())}};
  ASSIGN_OR_RETURN(status.announcement.channel, ChannelFromProto(from.channel()));
  for (const announce::v1::AnnouncedLink& link : from.links()) {
    status.announcement.links.push_back({.link = link.link(), .joins_total = link.joins_total()});
  }
  return status;
}

LeaseStatus FromProto(const tuner::v1::Lease& proto) {
  return {.number = proto.number(),
          .service = FromProto(proto.service()),
          .holder = proto.holder(),
          .state = FromProto(proto.state()),
          .error = proto.error(),
          .error_reason = proto.error_reason(),
          .tuner = proto.tuner(),
          .feed_source = proto.feed_source(),
          .info = FromProto(proto.info())};
}

types::v1::Leg ToProto(const Leg& leg) {
  types::v1::Leg proto;
  proto.set_link(leg.link);
  proto.set_interface(leg.interface);
  proto.set_up(leg.up);
  for (const std::string& address : leg.addresses) proto.add_addresses(address);
  proto.set_mtu(leg.mtu);
  if (leg.service_address_ipv4) {
    proto.set_service_address_ipv4(leg.service_address_ipv4->ToString());
  }
  if (leg.service_address_ipv6) {
    proto.set_service_address_ipv6(leg.service_address_ipv6->ToString());
  }
  return proto;
}

types::v1::StreamInfo ToProto(const StreamInfo& info) {
  types::v1::StreamInfo proto;
  proto.set_name(info.name);
  proto.set_title(info.title);
  proto.set_url(info.url);
  if (info.began != absl::InfinitePast()) *proto.mutable_began() = headwater::ToProto(info.began);
  return proto;
}

types::v1::Station ToProto(const Station& station) {
  types::v1::Station proto;
  proto.set_number(station.number);
  proto.set_title(station.title);
  proto.set_kind(StationKindToProto(station.kind));
  for (const std::string& url : station.urls) proto.add_urls(url);
  proto.set_directory(station.directory);
  if (station.known_format) *proto.mutable_known_format() = FormatToProto(*station.known_format);
  for (const std::string& tag : station.tags) proto.add_tags(tag);
  proto.set_homepage(station.homepage);
  proto.set_logo_url(station.logo_url);
  if (station.dvb) *proto.mutable_dvb() = ToProto(*station.dvb);
  return proto;
}

packager::v1::SessionSpec ToProto(const SessionSpec& spec) {
  packager::v1::SessionSpec proto;
  *proto.mutable_channel() = headwater::ToProto(spec.channel);
  *proto.mutable_station() = ToProto(spec.station);
  for (const std::string& link : spec.links) proto.add_links(link);
  proto.set_transmit(spec.transmit);
  proto.set_local(spec.local);
  proto.set_dscp(spec.dscp);
  proto.set_hop_limit(spec.hop_limit);
  *proto.mutable_silence_limit() = headwater::ToProto(Duration(spec.silence_limit));
  proto.set_container(MediaContainerToProto(spec.container));
  proto.set_ssrc(spec.ssrc);
  proto.set_sequence(spec.sequence);
  if (spec.sent_before.sent != absl::InfinitePast()) {
    proto.set_timestamp(spec.sent_before.timestamp);
    *proto.mutable_timestamp_sent() = headwater::ToProto(spec.sent_before.sent);
  }
  if (spec.format) *proto.mutable_format() = FormatToProto(*spec.format);
  proto.set_feed_source(spec.feed_source);
  return proto;
}

tuner::v1::AcquireServiceRequest ToProto(const LeaseSpec& spec) {
  tuner::v1::AcquireServiceRequest proto;
  proto.set_number(spec.number);
  *proto.mutable_service() = ToProto(spec.service);
  proto.set_feed(spec.feed);
  proto.set_priority(spec.priority);
  proto.set_holder(spec.holder);
  return proto;
}

announce::v1::Announcement ToProto(const Announcement& announcement) {
  announce::v1::Announcement proto;
  *proto.mutable_channel() = headwater::ToProto(announcement.channel);
  proto.set_number(announcement.number);
  for (const AnnouncedLink& link : announcement.links) {
    auto* added = proto.add_links();
    added->set_link(link.link);
    added->set_joins_total(link.joins_total);
  }
  *proto.mutable_format() = FormatToProto(announcement.format);
  *proto.mutable_info() = ToProto(announcement.info);
  proto.set_hop_limit(announcement.hop_limit);
  proto.set_changed(announcement.changed);
  proto.mutable_origin()->set_id(announcement.origin.id);
  proto.mutable_origin()->set_version(announcement.origin.version);
  for (const uint64_t version : announcement.origin.past_versions) {
    proto.mutable_origin()->add_past_versions(version);
  }
  return proto;
}

session::v1::Session ToProto(const SessionView& view) {
  session::v1::Session proto;
  *proto.mutable_channel() = headwater::ToProto(view.channel);
  proto.set_number(view.number);
  proto.set_state(ToProto(view.state));
  if (view.station) *proto.mutable_station() = ToProto(*view.station);
  for (const std::string& link : view.links) proto.add_links(link);
  proto.set_members(view.members);
  proto.set_sender(view.sender);
  if (view.format) *proto.mutable_format() = FormatToProto(*view.format);
  *proto.mutable_info() = ToProto(view.info);
  proto.set_source_url(view.source_url);
  proto.set_error(view.error);
  *proto.mutable_since() = headwater::ToProto(view.since);
  proto.set_receivers(view.receivers);
  proto.set_fraction_lost_max(view.fraction_lost_max);
  return proto;
}

session::v1::TimelineStep ToProto(const TimelineStep& step) {
  session::v1::TimelineStep proto;
  *proto.mutable_time() = headwater::ToProto(step.time);
  proto.set_step(std::string(step.step));
  proto.set_text(step.text);
  return proto;
}

}  // namespace headwater::session_manager
