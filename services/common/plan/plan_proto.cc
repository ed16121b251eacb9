#include "services/common/plan/plan_proto.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_text.h"

namespace headwater {
namespace {

namespace pb = directory::v1;

// Longer durations are a mistake, and would not fit nanoseconds.
constexpr int64_t kDurationSecondsMax = 366L * 24 * 3600;

void ToProto(std::chrono::nanoseconds duration, google::protobuf::Duration& out) {
  out.set_seconds(duration.count() / 1'000'000'000);
  out.set_nanos(static_cast<int32_t>(duration.count() % 1'000'000'000));
}

absl::StatusOr<std::chrono::nanoseconds> FromProto(const google::protobuf::Duration& in,
                                                   const std::string& field) {
  if (in.seconds() < 0 || in.seconds() > kDurationSecondsMax || in.nanos() < 0 ||
      in.nanos() > 999'999'999) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} s {} ns is not a duration of 0 to one year", field, in.seconds(), in.nanos()));
  }
  return std::chrono::seconds(in.seconds()) + std::chrono::nanoseconds(in.nanos());
}

absl::StatusOr<StationKind> FromProto(types::v1::StationKind kind, const std::string& field) {
  switch (kind) {
    case types::v1::STATION_KIND_HTTP:
      return StationKind::kHttp;
    case types::v1::STATION_KIND_DVB:
      return StationKind::kDvb;
    case types::v1::STATION_KIND_TEST:
      return StationKind::kTest;
    default:
      return absl::InvalidArgumentError(
          fmt::format("{}: unknown kind {}", field, static_cast<int>(kind)));
  }
}

absl::StatusOr<MediaContainer> FromProto(types::v1::MediaContainer container,
                                         const std::string& field) {
  switch (container) {
    case types::v1::MEDIA_CONTAINER_UNSPECIFIED:
    case types::v1::MEDIA_CONTAINER_NONE:
      return MediaContainer::kNone;
    case types::v1::MEDIA_CONTAINER_TS:
      return MediaContainer::kTransportStream;
    default:
      return absl::InvalidArgumentError(
          fmt::format("{}: unknown container {}", field, static_cast<int>(container)));
  }
}

absl::StatusOr<PlanDirectory> FromProto(const pb::Directory& in) {
  const std::string field = "directory " + in.name();
  PlanDirectory out;
  out.name = in.name();
  ASSIGN_OR_RETURN(out.kind, FromProto(in.kind(), field + ": kind"));
  ASSIGN_OR_RETURN(out.linger, FromProto(in.linger(), field + ": linger"));
  ASSIGN_OR_RETURN(out.silence_limit, FromProto(in.silence_limit(), field + ": silence_limit"));
  ASSIGN_OR_RETURN(out.start_timeout, FromProto(in.start_timeout(), field + ": start_timeout"));
  ASSIGN_OR_RETURN(out.container, FromProto(in.container(), field + ": container"));
  if (in.dscp() > 63 || in.hop_limit() > 255) {
    return absl::InvalidArgumentError(fmt::format("{}: dscp {} or hop_limit {} is out of range",
                                                  field, in.dscp(), in.hop_limit()));
  }
  if (in.priority() > 100) {
    return absl::InvalidArgumentError(
        fmt::format("{}: priority {} is not 0..100", field, in.priority()));
  }
  out.local = in.local();
  out.dscp = static_cast<uint8_t>(in.dscp());
  out.hop_limit = static_cast<uint8_t>(in.hop_limit());
  out.priority = static_cast<uint8_t>(in.priority());
  return out;
}

}  // namespace

types::v1::StationKind StationKindToProto(StationKind kind) {
  switch (kind) {
    case StationKind::kHttp:
      return types::v1::STATION_KIND_HTTP;
    case StationKind::kDvb:
      return types::v1::STATION_KIND_DVB;
    case StationKind::kTest:
      return types::v1::STATION_KIND_TEST;
  }
  return types::v1::STATION_KIND_UNSPECIFIED;
}

types::v1::MediaContainer MediaContainerToProto(MediaContainer container) {
  return container == MediaContainer::kTransportStream ? types::v1::MEDIA_CONTAINER_TS
                                                       : types::v1::MEDIA_CONTAINER_NONE;
}

pb::Plan PlanToProto(const PlanConfig& config) {
  pb::Plan plan;
  for (const AddressBlock& block : config.ipv6_prefixes) plan.add_ipv6_prefixes(block.ToString());
  for (const uint8_t scope : config.ipv6_scopes) plan.add_ipv6_scopes(scope);
  plan.set_ipv6_ssm(config.ipv6_ssm);
  for (const NumberPrefix& row : config.prefixes) {
    pb::NumberPrefix& out = *plan.add_prefixes();
    out.set_number(row.number);
    out.set_length(static_cast<uint32_t>(row.length));
    out.set_directory(row.directory);
  }
  for (const Ipv4Window& window : config.windows) {
    pb::Ipv4Window& out = *plan.add_windows();
    out.set_groups(window.groups.ToString());
    out.set_number(window.number);
  }
  for (const GroupBinding& binding : config.bindings) {
    pb::GroupBinding& out = *plan.add_bindings();
    out.set_group(binding.group.ToString());
    out.set_number(binding.number);
  }
  for (const PlanDirectory& directory : config.directories) {
    pb::Directory& out = *plan.add_directories();
    out.set_name(directory.name);
    out.set_kind(StationKindToProto(directory.kind));
    ToProto(directory.linger, *out.mutable_linger());
    ToProto(directory.silence_limit, *out.mutable_silence_limit());
    ToProto(directory.start_timeout, *out.mutable_start_timeout());
    out.set_local(directory.local);
    out.set_dscp(directory.dscp);
    out.set_hop_limit(directory.hop_limit);
    out.set_container(MediaContainerToProto(directory.container));
    out.set_priority(directory.priority);
  }
  return plan;
}

absl::StatusOr<PlanConfig> PlanFromProto(const pb::Plan& plan) {
  PlanConfig config;
  for (const std::string& text : plan.ipv6_prefixes()) {
    ASSIGN_OR_RETURN(AddressBlock block, ParseAddressBlock(text));
    config.ipv6_prefixes.push_back(block);
  }
  for (const uint32_t scope : plan.ipv6_scopes()) {
    if (scope > 15)
      return absl::InvalidArgumentError(fmt::format("ipv6_scopes: {} is not 2..14", scope));
    config.ipv6_scopes.push_back(static_cast<uint8_t>(scope));
  }
  config.ipv6_ssm = plan.ipv6_ssm();
  for (const pb::NumberPrefix& row : plan.prefixes()) {
    if (row.length() > 32)
      return absl::InvalidArgumentError(
          fmt::format("prefixes: length {} is not 1..32", row.length()));
    config.prefixes.push_back({row.number(), static_cast<int>(row.length()), row.directory()});
  }
  for (const pb::Ipv4Window& window : plan.windows()) {
    ASSIGN_OR_RETURN(AddressBlock groups, ParseAddressBlock(window.groups()));
    config.windows.push_back({groups, window.number()});
  }
  for (const pb::GroupBinding& binding : plan.bindings()) {
    const std::optional<IpAddress> group = IpAddress::Parse(binding.group());
    if (!group)
      return absl::InvalidArgumentError(
          fmt::format("bindings: \"{}\" is not an address", binding.group()));
    config.bindings.push_back({*group, binding.number()});
  }
  for (const pb::Directory& in : plan.directories()) {
    ASSIGN_OR_RETURN(PlanDirectory directory, FromProto(in));
    config.directories.push_back(std::move(directory));
  }
  return config;
}

}  // namespace headwater
