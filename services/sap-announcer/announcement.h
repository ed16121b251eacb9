#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/net/legs.h"
#include "services/common/sdp/sdp.h"
#include "services/sap-announcer/origin.h"

namespace headwater {

// The wanted state of one session's announcement.
struct Announcement {
  Channel channel;
  uint32_t number = 0;
  // Link to joins_total of the group there.
  std::map<std::string, uint64_t> links;
  SdpFormat format;
  // 0 unknown.
  uint32_t media_bits_per_second = 0;
  std::string format_description;
  // icy-name, StreamTitle, StreamUrl: any bytes, cleaned when the SDP is written.
  std::string name;
  std::string title;
  std::string url;
  // When the title began, NTP seconds; 0 unknown.
  uint64_t began_ntp = 0;
  // TTL or hop limit of RTP and SAP in the media group, never 0.
  uint8_t hop_limit = 0;
  Origin origin;
  // By the word of the manager: it is not what was announced as origin.version. Only of use where
  // nothing is known of the session.
  bool changed = false;

  // Whether listeners would read the same: links and origin aside.
  bool SameContent(const Announcement& other) const;
};

// Reasons for a datagram, which are also the metric's label.
enum class SendReason : uint8_t { kInitial, kChange, kJoin, kPeriodic, kDeletion, kWellKnown };
inline constexpr size_t kSendReasons = 6;
std::string_view ToString(SendReason reason);

// One datagram that is to leave by a link's leg, to port 9875 of `group` from port 9875 of
// `source`.
struct SendDatagram {
  Channel channel;
  std::string link;
  IpAddress group;
  IpAddress source;
  uint8_t hop_limit = 0;
  SendReason reason = SendReason::kPeriodic;
  std::vector<uint8_t> bytes;
};
using Sends = std::vector<SendDatagram>;

// Bits that a SAP packet of that many bytes takes on the link, with its IP and UDP headers.
uint64_t BitsOnLink(size_t bytes, const IpAddress& group);

// The session's SDP as it is sent into the leg's link. The leg has a service address for the group.
// Errors as those of BuildSdp.
absl::StatusOr<std::string> LinkSdp(const Announcement& announcement,
                                    const IpAddress& service_address);

// The announcement packet of the newest version, and the deletion packet of any.
absl::StatusOr<std::vector<uint8_t>> AnnouncementPacket(const Announcement& announcement,
                                                        const IpAddress& service_address);
std::vector<uint8_t> DeletionPacket(uint64_t origin_id, uint64_t version,
                                    const IpAddress& service_address);

// Where a session's announcement may stand besides its own group (RFC 2974 section 3): ff0X::2:7ffe
// with the group's scope X; in 239/8 the highest address of its administrative zone, elsewhere
// 224.2.127.254.
IpAddress WellKnownSapGroup(const IpAddress& group);

}  // namespace headwater
