#include "services/directory-resolver/directory_convert.h"

#include <fmt/format.h>

#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_proto.h"
#include "services/common/rpc/media_format_proto.h"
#include "services/directory-resolver/dvb_convert.h"

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
    case pb::EXPORT_FORMAT_XMLTV:
      query.format = ExportQuery::Format::kXmltv;
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
  if (station.dvb) *proto.mutable_dvb() = ToProto(*station.dvb);
  return proto;
}

Station StationFromProto(const types::v1::Station& proto) {
  Station station;
  station.number = proto.number();
  station.title = proto.title();
  station.urls.assign(proto.urls().begin(), proto.urls().end());
  station.directory = proto.directory();
  station.tags.assign(proto.tags().begin(), proto.tags().end());
  station.homepage = proto.homepage();
  station.logo_url = proto.logo_url();
  return station;
}

absl::StatusOr<StationQuery::Set> SetFromProto(pb::StationSet set) {
  switch (set) {
    case pb::STATION_SET_UNSPECIFIED:
      return StationQuery::Set::kPlayable;
    case pb::STATION_SET_FAVOURITE:
      return StationQuery::Set::kFavourite;
    case pb::STATION_SET_DISABLED:
      return StationQuery::Set::kDisabled;
    case pb::STATION_SET_FAILING:
      return StationQuery::Set::kFailing;
    default:
      return Unknown("set", set);
  }
}

google::protobuf::Timestamp TimeToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const absl::Duration since = time - absl::UnixEpoch();
  proto.set_seconds(absl::ToUnixSeconds(time));
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(since - absl::Seconds(proto.seconds()))));
  return proto;
}

pb::StationRecord ToProto(const StationRecord& record) {
  pb::StationRecord proto;
  proto.mutable_station()->set_number(record.number);
  proto.mutable_station()->set_directory(record.directory);
  proto.set_identity(record.identity);
  proto.set_disabled(record.disabled);
  proto.set_tombstone(record.station == nullptr);
  for (const uint32_t alias : record.aliases) proto.add_aliases(alias);
  proto.set_favourite(record.favourite);
  proto.set_alias_of(record.alias_of);
  if (const StationHealth* health = record.health) {
    pb::StationHealth& out = *proto.mutable_health();
    out.set_plays_total(health->plays);
    out.set_plays_failed_total(health->plays_failed);
    out.set_checks_total(health->checks);
    out.set_checks_failed_total(health->checks_failed);
    if (health->last_ok != absl::InfinitePast())
      *out.mutable_last_ok() = TimeToProto(health->last_ok);
    if (health->last_failed != absl::InfinitePast())
      *out.mutable_last_failed() = TimeToProto(health->last_failed);
    out.set_error(health->error);
    out.set_failures_in_row(health->failures_in_row);
  }
  if (record.station == nullptr) return proto;
  const StationDetails& details = record.station->details;
  proto.set_added(record.station->added);
  proto.set_codec(details.codec);
  proto.set_bits_per_second(details.bits_per_second);
  proto.set_votes(details.votes);
  proto.set_country(details.country);
  proto.set_language(details.language);
  return proto;
}

pb::DirectoryStatus ToProto(const DirectoryOptions& options, const DirectoryCounts& counts) {
  constexpr pb::DirectorySource kSources[] = {
      pb::DIRECTORY_SOURCE_LINEUP,     pb::DIRECTORY_SOURCE_CATALOGUE,
      pb::DIRECTORY_SOURCE_FAVOURITES, pb::DIRECTORY_SOURCE_RADIO_BROWSER,
      pb::DIRECTORY_SOURCE_XIPH,       pb::DIRECTORY_SOURCE_TUNEIN,
      pb::DIRECTORY_SOURCE_SHOUTCAST,  pb::DIRECTORY_SOURCE_M3U,
      pb::DIRECTORY_SOURCE_DVB};
  pb::DirectoryStatus proto;
  proto.set_name(options.plan.name);
  proto.set_source(kSources[static_cast<size_t>(options.source)]);
  proto.set_prefix(options.prefix.ToString());
  proto.set_url(IsFetched(options.source) ? ShownUrl(options.feed) : options.lineup);
  proto.set_state(pb::DIRECTORY_STATE_STATIC);
  proto.set_stations(counts.stations);
  proto.set_disabled(counts.disabled);
  proto.set_tombstones(counts.tombstones);
  return proto;
}

void FeedToProto(const FeedState& state, pb::DirectoryStatus& out) {
  const bool never = state.last_success == absl::InfinitePast();
  out.set_state(!state.error.empty() ? pb::DIRECTORY_STATE_STALE
                : never              ? pb::DIRECTORY_STATE_PENDING
                                     : pb::DIRECTORY_STATE_FRESH);
  if (state.last_attempt != absl::InfinitePast())
    *out.mutable_last_attempt() = TimeToProto(state.last_attempt);
  if (!never) *out.mutable_last_success() = TimeToProto(state.last_success);
  out.set_error(state.error);
  out.set_entries(state.counts.entries);
  out.set_entries_filtered(state.counts.filtered);
  out.set_entries_unusable(state.counts.unusable);
  out.set_entries_over_limit(state.counts.over_limit);
}

pb::ChangeCounts ToProto(const FeedChangeCounts& counts) {
  pb::ChangeCounts proto;
  proto.set_added(counts.added);
  proto.set_removed(counts.removed);
  proto.set_changed(counts.changed);
  return proto;
}

void FillDiff(const FeedDiff& diff, size_t count, pb::DiffDirectoryResponse& out,
              absl::FunctionRef<std::optional<uint32_t>(const std::string&)> number_of) {
  for (const FeedChange& change : diff.changes) {
    if (static_cast<size_t>(out.changes_size()) >= count) break;
    const bool removed = change.kind == FeedChange::Kind::kRemoved;
    const LineupStation& row = (removed ? diff.before : diff.after)[change.index];
    pb::StationChange& proto = *out.add_changes();
    proto.set_kind(removed                                   ? pb::CHANGE_KIND_REMOVED
                   : change.kind == FeedChange::Kind::kAdded ? pb::CHANGE_KIND_ADDED
                                                             : pb::CHANGE_KIND_CHANGED);
    proto.set_number(number_of(row.identity).value_or(0));
    proto.set_title(row.title);
    for (const std::string& field : change.fields) proto.add_fields(field);
  }
  *out.mutable_counts() = ToProto(CountChanges(diff.changes));
  out.set_refused(diff.refused);
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
