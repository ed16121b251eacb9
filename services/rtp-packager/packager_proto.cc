#include "services/rtp-packager/packager_proto.h"

#include <absl/strings/str_cat.h>

#include "services/common/base/status_macros.h"
#include "services/common/rpc/media_format_proto.h"
#include "services/common/rpc/proto_convert.h"

namespace headwater::packager {
namespace {

v1::PackagerState ToProto(StreamState state) {
  switch (state) {
    case StreamState::kOpening:
      return v1::PACKAGER_STATE_OPENING;
    case StreamState::kReady:
      return v1::PACKAGER_STATE_READY;
    case StreamState::kSending:
      return v1::PACKAGER_STATE_SENDING;
    case StreamState::kSilent:
      return v1::PACKAGER_STATE_SILENT;
    case StreamState::kFailed:
      break;
  }
  return v1::PACKAGER_STATE_FAILED;
}

absl::StatusOr<SourceKind> KindFromProto(types::v1::StationKind kind) {
  switch (kind) {
    case types::v1::STATION_KIND_HTTP:
      return SourceKind::kHttp;
    case types::v1::STATION_KIND_TEST:
      return SourceKind::kTest;
    case types::v1::STATION_KIND_DVB:
      return SourceKind::kDvb;
    default:
      return absl::InvalidArgumentError("session.station.kind: not set");
  }
}

v1::StartTimes TimesToProto(const SessionStatus& status, const ClockPair& clocks) {
  v1::StartTimes proto;
  const auto wall = [&](MonoTime time) { return headwater::ToProto(clocks.ToWall(time)); };
  *proto.mutable_applied() = wall(status.applied);
  const StreamTimes& times = status.times;
  if (times.source_requested) *proto.mutable_source_requested() = wall(*times.source_requested);
  if (times.source_answered) *proto.mutable_source_answered() = wall(*times.source_answered);
  if (times.format_known) *proto.mutable_format_known() = wall(*times.format_known);
  if (status.first_rtp) *proto.mutable_first_rtp() = wall(*status.first_rtp);
  return proto;
}

v1::ReceiverSummary ToProto(const ReceiverSummary& summary) {
  v1::ReceiverSummary proto;
  proto.set_receivers(summary.receivers);
  proto.set_fraction_lost_max(summary.fraction_lost_max);
  proto.set_fraction_lost_mean(summary.fraction_lost_mean);
  *proto.mutable_jitter_max() = headwater::ToProto(summary.jitter_max);
  proto.set_reports_total(summary.reports_total);
  proto.set_forged_total(summary.forged_total);
  return proto;
}

}  // namespace

absl::StatusOr<SessionRequest> RequestFromProto(const v1::ApplySessionRequest& proto) {
  const v1::SessionSpec& spec = proto.session();
  SessionRequest request = {.epoch = proto.epoch()};
  ASSIGN_OR_RETURN(request.channel, ChannelFromProto(spec.channel()));
  ASSIGN_OR_RETURN(request.kind, KindFromProto(spec.station().kind()));
  request.number = spec.station().number();
  request.title = spec.station().title();
  request.urls.assign(spec.station().urls().begin(), spec.station().urls().end());
  request.links.assign(spec.links().begin(), spec.links().end());
  request.transmit = spec.transmit();
  request.local = spec.local();
  request.dscp = spec.dscp();
  request.hop_limit = spec.hop_limit();
  request.silence_limit = FromProto(spec.silence_limit());
  request.ssrc = spec.ssrc();
  request.sequence = static_cast<uint16_t>(spec.sequence());
  if (spec.has_timestamp_sent()) {
    request.sent_before = {RtpTimestamp(spec.timestamp()),
                           headwater::FromProto(spec.timestamp_sent())};
  }
  if (spec.has_format()) request.format = FormatFromProto<RtpFormat>(spec.format());
  if (!types::v1::MediaContainer_IsValid(spec.container())) {
    return absl::InvalidArgumentError(
        absl::StrCat("session.container: unknown value ", static_cast<int>(spec.container())));
  }
  request.transport_stream = spec.container() == types::v1::MEDIA_CONTAINER_TS;
  request.bare_pids = spec.station().dvb().pids_size() > 0;
  if (!spec.feed_source().empty()) {
    request.feed_source = IpAddress::Parse(spec.feed_source());
    if (!request.feed_source) {
      return absl::InvalidArgumentError(
          absl::StrCat("session.feed_source: no address: ", spec.feed_source().substr(0, 100)));
    }
  }
  return request;
}

v1::SessionStatus ToProto(const SessionStatus& status, const ClockPair& clocks) {
  v1::SessionStatus proto;
  *proto.mutable_channel() = headwater::ToProto(status.channel);
  proto.set_number(status.number);
  proto.set_state(ToProto(status.state));
  proto.set_error(status.error);
  proto.set_error_reason(status.error_reason);
  if (status.format) *proto.mutable_format() = FormatToProto(*status.format);
  if (status.source_format) *proto.mutable_source_format() = FormatToProto(*status.source_format);
  types::v1::StreamInfo& info = *proto.mutable_info();
  info.set_name(status.texts.name);
  info.set_title(status.texts.title);
  info.set_url(status.texts.url);
  if (status.texts.began) *info.mutable_began() = headwater::ToProto(*status.texts.began);
  proto.set_ssrc(status.ssrc);
  proto.set_sequence(status.sequence);
  if (status.last_sent) {
    proto.set_timestamp(status.last_sent->timestamp.value());
    *proto.mutable_timestamp_sent() = headwater::ToProto(status.last_sent->sent);
  }
  for (const std::string& link : status.links) proto.add_links(link);
  proto.set_transmit(status.transmit);
  proto.set_source_url(status.source_url);
  *proto.mutable_times() = TimesToProto(status, clocks);
  *proto.mutable_receivers() = ToProto(status.receivers);
  proto.set_packets_total(status.packets_total);
  proto.set_octets_total(status.octets_total);
  proto.set_source_reopens_total(status.source_reopens_total);
  if (status.feed) proto.set_feed(status.feed->ToString());
  proto.set_continuity_errors_total(status.continuity_errors_total);
  return proto;
}

v1::StopSessionResponse ToProto(const SessionEnd& end) {
  v1::StopSessionResponse proto;
  if (!end.next_sent) return proto;
  proto.set_sequence(end.sequence);
  proto.set_timestamp(end.next_sent->timestamp.value());
  *proto.mutable_timestamp_sent() = headwater::ToProto(end.next_sent->sent);
  return proto;
}

v1::ProbeResponse ToProto(const ProbeResult& result) {
  v1::ProbeResponse proto;
  *proto.mutable_format() = FormatToProto(result.format);
  proto.mutable_info()->set_name(result.head.icy_name);
  proto.mutable_info()->set_title(result.title.title);
  proto.mutable_info()->set_url(result.title.url.empty() ? result.head.icy_url : result.title.url);
  for (const std::string& hop : result.head.hops) proto.add_hops(hop);
  return proto;
}

}  // namespace headwater::packager
