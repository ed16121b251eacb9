#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "services/common/base/result.h"
#include "services/common/net/ip_address.h"

namespace headwater {

// How the media of an SDP is coded: one RTP payload type.
struct SdpFormat {
  // Encoding name of the rtpmap: "MPA", "mpeg4-generic", "MP2T", "opus", "vorbis".
  std::string encoding;
  // 0..127.
  uint8_t payload_type = 0;
  // RTP clock in Hz, never 0.
  uint32_t clock_rate = 0;
  // 0 where the rtpmap names no channel count.
  uint32_t channels = 0;
  // Text after "a=fmtp:<pt> "; empty means no such line.
  std::string fmtp;

  bool operator==(const SdpFormat&) const = default;
};

// What one of our SDPs says (RFC 8866): one multicast session with one RTP medium.
struct Sdp {
  // o= line. The address is the unicast address of who sends; all three identify the session.
  uint64_t origin_id = 0;
  uint64_t origin_version = 0;
  IpAddress origin_address;
  // s=, i= and u=. Any bytes from outside: BuildSdp cleans them.
  std::string name;
  std::string info;
  std::string url;
  // First number of t=, in NTP seconds; 0 means not bounded.
  uint64_t began_ntp = 0;
  // c=. The TTL is written for IPv4 only, as RFC 8866 section 5.7 wants, and must not be 0 there.
  IpAddress group;
  uint8_t ttl = 0;
  // RTP port, even; RTCP is the next one.
  uint16_t port = 5004;
  // b=AS in kbit/s with IP, UDP and RTP headers; 0 means no such line.
  uint32_t bandwidth_kbps = 0;
  SdpFormat format;
  // a=source-filter (RFC 4570): who sends. Every SDP that is announced has one.
  std::optional<IpAddress> source;

  bool operator==(const Sdp&) const = default;
};

// Longest s= and i= values in bytes: longer ones are cut between characters. A longer u= is left
// out.
inline constexpr size_t kSdpTextMax = 256;
inline constexpr size_t kSdpUrlMax = 400;

// Whether `url` is an absolute http or https URI in the characters of RFC 3986, fit for u=.
bool IsSdpUrl(std::string_view url);

// b=AS for media of that rate: with room for the headers of one datagram a frame.
uint32_t SdpBandwidthKbps(uint32_t media_bits_per_second);

// Writes it, with CRLF. Name and info are cleaned by CleanText; an empty name becomes the group,
// since s= may not be empty; a URL that is not fit is left out. INVALID_ARGUMENT names the field
// where no true SDP could be written (a group that is not multicast, families that differ, a format
// with control characters).
absl::StatusOr<std::string> BuildSdp(const Sdp& sdp);

enum class SdpError {
  kTooLong,  // more than kSdpBytesMax
  kNotSdp,   // does not begin with v=0
  kBadLine,  // a line that is not <letter>=<value>, or has a NUL
  kBadOrigin,
  kBadTime,
  kBadConnection,
  kBadMedia,   // no m= line of RTP/AVP with a numeric payload type
  kBadFormat,  // rtpmap or fmtp
  kBadFilter,  // source-filter that is not incl with one address
};
std::string_view ToString(SdpError error);

inline constexpr size_t kSdpBytesMax = 16 * 1024;

// Reads an SDP back, LF or CRLF: the session's lines and its first medium. Attributes that we do
// not write are skipped. A payload type without rtpmap gives an empty encoding unless it is 14
// or 33.
Result<Sdp, SdpError> ParseSdp(std::string_view text);

}  // namespace headwater
