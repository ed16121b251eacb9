#include "services/common/rpc/proto_convert.h"

#include <fmt/format.h>

#include "services/common/base/absl_text.h"

namespace headwater {

absl::StatusOr<Channel> ChannelFromProto(const types::v1::Channel& proto) {
  Channel channel;
  const std::optional<IpAddress> group = IpAddress::Parse(proto.group());
  if (!group || !group->IsMulticast()) {
    return absl::InvalidArgumentError(ToAbsl(fmt::format(
        "channel.group: \"{}\" is not an IPv4 or IPv6 multicast address", proto.group())));
  }
  channel.group = *group;
  if (!proto.source().empty()) {
    channel.source = IpAddress::Parse(proto.source());
    if (!channel.source || channel.source->IsMulticast() ||
        channel.source->family() != group->family()) {
      return absl::InvalidArgumentError(ToAbsl(
          fmt::format("channel.source: \"{}\" is not a unicast address of the group's family",
                      proto.source())));
    }
  }
  return channel;
}

types::v1::Channel ToProto(const Channel& channel) {
  types::v1::Channel proto;
  proto.set_group(channel.group.ToString());
  if (channel.source) proto.set_source(channel.source->ToString());
  return proto;
}

types::v1::Leg ToProto(const Leg& leg) {
  types::v1::Leg proto;
  proto.set_link(leg.link);
  proto.set_interface(leg.interface);
  proto.set_up(leg.up);
  for (const IpAddress& address : leg.addresses) proto.add_addresses(address.ToString());
  proto.set_mtu(leg.mtu);
  if (leg.service_ipv4) proto.set_service_address_ipv4(leg.service_ipv4->ToString());
  if (leg.service_ipv6) proto.set_service_address_ipv6(leg.service_ipv6->ToString());
  return proto;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const timespec parts = absl::ToTimespec(time);
  proto.set_seconds(parts.tv_sec);
  proto.set_nanos(static_cast<int32_t>(parts.tv_nsec));
  return proto;
}

absl::Time FromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

google::protobuf::Duration ToProto(Duration duration) {
  google::protobuf::Duration proto;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  proto.set_seconds(seconds.count());
  proto.set_nanos(static_cast<int32_t>((duration - seconds).count()));
  return proto;
}

Duration FromProto(const google::protobuf::Duration& proto) {
  return absl::ToChronoNanoseconds(absl::Seconds(proto.seconds()) +
                                   absl::Nanoseconds(proto.nanos()));
}

}  // namespace headwater
