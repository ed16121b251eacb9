#include "services/directory-resolver/directory_convert.h"

#include <fmt/format.h>

#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_proto.h"
#include "services/common/rpc/media_format_proto.h"

namespace headwater::directory_resolver {
namespace {

namespace pb = directory::v1;

absl::Status Unknown(const char* field, int value) {
  return absl::InvalidArgumentError(fmt::format("{}: unknown value {}", field, value));
}

absl::Status ReadFormat(pb::ExportFormat format, ExportQuery& query) {
  switch (format) {
    case pb::EXPORT_FORMAT_M3U:
      query.format = ExportQuery::Format::kM3u;
      return absl::OkStatus();
    case pb::EXPORT_FORMAT_XSPF:
      query.format = ExportQuery::Format::kXspf;
      return absl::OkStatus();
    case pb::EXPORT_FORMAT_SDP:
      query.format = ExportQuery::Format::kSdp;
      return absl::OkStatus();
    default:
      return Unknown("format", format);
  }
}

absl::Status ReadPlayer(pb::ExportPlayer player, ExportChoice& choice) {
  switch (player) {
    case pb::EXPORT_PLAYER_UNSPECIFIED:
    case pb::EXPORT_PLAYER_VLC:
      choice.player = Player::kVlc;
      return absl::OkStatus();
    case pb::EXPORT_PLAYER_FFMPEG:
      choice.player = Player::kFfmpeg;
      return absl::OkStatus();
    case pb::EXPORT_PLAYER_KODI:
      choice.player = Player::kKodi;
      return absl::OkStatus();
    default:
      return Unknown("player", player);
  }
}

absl::Status ReadFamily(pb::ExportFamily family, ExportChoice& choice) {
  switch (family) {
    case pb::EXPORT_FAMILY_UNSPECIFIED:
    case pb::EXPORT_FAMILY_IPV6:
      choice.family = IpAddress::Family::kIpv6;
      return absl::OkStatus();
    case pb::EXPORT_FAMILY_IPV4:
      choice.family = IpAddress::Family::kIpv4;
      return absl::OkStatus();
    default:
      return Unknown("family", family);
  }
}

}  // namespace

types::v1::MediaFormat ToProto(const KnownFormat& known) {
  types::v1::MediaFormat proto = FormatToProto(known.format);
  proto.set_bits_per_second(known.bits_per_second);
  proto.set_description(known.description);
  return proto;
}

KnownFormat KnownFormatFromProto(const types::v1::MediaFormat& proto) {
  return {.format = FormatFromProto<SdpFormat>(proto),
          .bits_per_second = proto.bits_per_second(),
          .description = proto.description()};
}

types::v1::Station ToProto(const Station& station, const KnownFormat* known) {
  types::v1::Station proto;
  proto.set_number(station.number);
  proto.set_title(station.title);
  proto.set_kind(StationKindToProto(station.kind));
  for (const std::string& url : station.urls) proto.add_urls(url);
  proto.set_directory(station.directory);
  if (known != nullptr) *proto.mutable_known_format() = ToProto(*known);
  for (const std::string& tag : station.tags) proto.add_tags(tag);
  proto.set_homepage(station.homepage);
  proto.set_logo_url(station.logo_url);
  return proto;
}

absl::StatusOr<ExportQuery> QueryFromProto(const pb::ExportRequest& request) {
  ExportQuery query;
  RETURN_IF_ERROR(ReadFormat(request.format(), query));
  RETURN_IF_ERROR(ReadPlayer(request.player(), query.choice));
  RETURN_IF_ERROR(ReadFamily(request.family(), query.choice));
  if (request.number() != 0) query.number = request.number();
  query.directory = request.directory();
  if (!request.service_address().empty()) {
    query.choice.service_address = IpAddress::Parse(request.service_address());
    if (!query.choice.service_address) {
      return absl::InvalidArgumentError(
          fmt::format("service_address: \"{}\" is not an address", request.service_address()));
    }
  }
  return query;
}

}  // namespace headwater::directory_resolver
