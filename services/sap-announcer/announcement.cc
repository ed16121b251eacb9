#include "services/sap-announcer/announcement.h"

#include <fmt/format.h>

#include <tuple>

#include "services/common/base/status_macros.h"
#include "services/sap-announcer/sap_packet.h"

namespace headwater {

bool Announcement::SameContent(const Announcement& other) const {
  const auto content = [](const Announcement& a) {
    return std::tie(a.format, a.media_bits_per_second, a.name, a.title, a.url, a.began_ntp,
                    a.hop_limit);
  };
  return content(*this) == content(other);
}

std::string_view ToString(SendReason reason) {
  switch (reason) {
    case SendReason::kInitial:
      return "initial";
    case SendReason::kChange:
      return "change";
    case SendReason::kJoin:
      return "join";
    case SendReason::kPeriodic:
      return "periodic";
    case SendReason::kDeletion:
      return "deletion";
    case SendReason::kWellKnown:
      return "well_known";
  }
  return "unknown";
}

uint64_t BitsOnLink(size_t bytes, const IpAddress& group) {
  return 8 * (bytes + 8 + (group.is_v4() ? 20 : 40));
}

absl::StatusOr<std::string> LinkSdp(const Announcement& announcement,
                                    const IpAddress& service_address) {
  Sdp sdp;
  sdp.origin_id = announcement.origin.id;
  sdp.origin_version = announcement.origin.version;
  sdp.origin_address = service_address;
  sdp.name = announcement.name;
  sdp.info = announcement.title;
  sdp.url = announcement.url;
  sdp.began_ntp = announcement.began_ntp;
  sdp.group = announcement.channel.group;
  sdp.ttl = announcement.hop_limit;
  sdp.bandwidth_kbps = SdpBandwidthKbps(announcement.media_bits_per_second);
  sdp.format = announcement.format;
  sdp.source = service_address;
  return BuildSdp(sdp);
}

absl::StatusOr<std::vector<uint8_t>> AnnouncementPacket(const Announcement& announcement,
                                                        const IpAddress& service_address) {
  SapPacket packet;
  packet.hash = SapHash(announcement.origin.id, announcement.origin.version);
  packet.source = service_address;
  ASSIGN_OR_RETURN(packet.payload, LinkSdp(announcement, service_address));
  std::vector<uint8_t> bytes;
  packet.SerializeTo(bytes);
  return bytes;
}

std::vector<uint8_t> DeletionPacket(uint64_t origin_id, uint64_t version,
                                    const IpAddress& service_address) {
  SapPacket packet;
  packet.deletion = true;
  packet.hash = SapHash(origin_id, version);
  packet.source = service_address;
  packet.payload = fmt::format("o=- {} {} IN {} {}\r\n", origin_id, version,
                               service_address.is_v4() ? "IP4" : "IP6", service_address.ToString());
  std::vector<uint8_t> bytes;
  packet.SerializeTo(bytes);
  return bytes;
}

IpAddress WellKnownSapGroup(const IpAddress& group) {
  if (group.is_v6()) {
    std::array<uint8_t, 16> bytes = {0xff, group.MulticastScope()};
    bytes[13] = 0x02;
    bytes[14] = 0x7f;
    bytes[15] = 0xfe;
    return IpAddress::V6(bytes);
  }
  const uint32_t address = group.low32();
  // RFC 2365: 239.255/16 is the local scope, 239.192/14 the organisation's.
  if (address >> 16 == 0xEFFF) return IpAddress::V4(0xEFFFFFFF);
  if (address >> 18 == 0xEFC0 >> 2) return IpAddress::V4(0xEFC3FFFF);
  if (address >> 24 == 0xEF) return IpAddress::V4(0xEFFFFFFF);
  return IpAddress::V4(0xE0027FFE);
}

}  // namespace headwater
