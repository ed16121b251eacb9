#include <fmt/format.h>

#include <algorithm>

#include "services/common/base/absl_text.h"
#include "services/common/base/fault.h"
#include "services/common/base/status_macros.h"
#include "services/common/sdp/sdp.h"
#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

absl::Status Invalid(std::string_view field, std::string_view why) {
  return absl::InvalidArgumentError(ToAbsl(fmt::format("{}: {}", field, why)));
}

// A token of RFC 8866 section 9, so that it cannot end its field.
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7F &&
           std::string_view("\"(),/:;<=>?@[\\]").find(c) == std::string_view::npos;
  });
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

absl::Status CheckFormat(const SdpFormat& format) {
  if (!IsToken(format.encoding)) return Invalid("format.encoding", "must be a token such as MPA");
  if (format.payload_type > 127) return Invalid("format.payload_type", "must be 0..127");
  if (format.clock_rate == 0) return Invalid("format.clock_rate", "must not be 0");
  if (!IsPrintable(format.fmtp)) {
    return Invalid("format.fmtp", "must be ASCII without control characters");
  }
  return absl::OkStatus();
}

absl::Status CheckAddresses(const Sdp& sdp) {
  const IpAddress::Family family = sdp.group.family();
  if (!sdp.group.IsMulticast()) {
    return Invalid("group", fmt::format("{} is not multicast", sdp.group.ToString()));
  }
  if (sdp.group.is_v4() && sdp.ttl == 0) return Invalid("ttl", "must be 1..255 for IPv4");
  if (sdp.origin_address.family() != family || sdp.origin_address.IsMulticast()) {
    return Invalid("origin_address",
                   fmt::format("{} is no unicast address of the family of {}",
                               sdp.origin_address.ToString(), sdp.group.ToString()));
  }
  if (sdp.source && (sdp.source->family() != family || sdp.source->IsMulticast())) {
    return Invalid("source", fmt::format("{} is no unicast address of the family of {}",
                                         sdp.source->ToString(), sdp.group.ToString()));
  }
  if (sdp.port == 0 || sdp.port % 2 != 0) return Invalid("port", "must be even and not 0");
  return absl::OkStatus();
}

std::string_view NetType(const IpAddress& address) { return address.is_v4() ? "IN IP4" : "IN IP6"; }

// A transport stream is video by registration (RFC 3551 section 5), everything else of ours is
// audio.
std::string_view MediaType(const SdpFormat& format) {
  return format.encoding == "MP2T" ? "video" : "audio";
}

void AppendMedia(const Sdp& sdp, std::string& out) {
  const SdpFormat& format = sdp.format;
  const unsigned type = format.payload_type;
  out += fmt::format("m={} {} RTP/AVP {}\r\n", MediaType(format), sdp.port, type);
  out += fmt::format("a=rtpmap:{} {}/{}", type, format.encoding, format.clock_rate);
  if (format.channels != 0) out += fmt::format("/{}", format.channels);
  out += "\r\n";
  if (!format.fmtp.empty()) out += fmt::format("a=fmtp:{} {}\r\n", type, format.fmtp);
}

}  // namespace

// Order of lines by RFC 8866 section 9: v o s i u c b t a, then m and its attributes.
absl::StatusOr<std::string> BuildSdp(const Sdp& sdp) {
  RETURN_IF_ERROR(CheckFormat(sdp.format));
  RETURN_IF_ERROR(CheckAddresses(sdp));
  const std::string group = sdp.group.ToString();
  const std::string name = CleanText(sdp.name, kSdpTextMax);
  const std::string info = CleanText(sdp.info, kSdpTextMax);
  std::string out = "v=0\r\n";
  out += fmt::format("o=- {} {} {} {}\r\n", sdp.origin_id, sdp.origin_version,
                     NetType(sdp.origin_address), sdp.origin_address.ToString());
  out += fmt::format("s={}\r\n", name.empty() ? group : name);
  if (!info.empty()) out += fmt::format("i={}\r\n", info);
  if (IsSdpUrl(sdp.url)) out += fmt::format("u={}\r\n", sdp.url);
  out += fmt::format("c={} {}", NetType(sdp.group), group);
  if (sdp.group.is_v4()) out += fmt::format("/{}", static_cast<unsigned>(sdp.ttl));
  out += "\r\n";
  if (sdp.bandwidth_kbps != 0) out += fmt::format("b=AS:{}\r\n", sdp.bandwidth_kbps);
  out += fmt::format("t={} 0\r\n", sdp.began_ntp);
  out += "a=tool:headwater\r\na=recvonly\r\n";
  if (sdp.source && !FaultInjected("source-filter")) {
    out += fmt::format("a=source-filter: incl {} {} {}\r\n", NetType(sdp.group), group,
                       sdp.source->ToString());
  }
  AppendMedia(sdp, out);
  return out;
}

uint32_t SdpBandwidthKbps(uint32_t media_bits_per_second) {
  if (media_bits_per_second == 0) return 0;
  // IPv6, UDP, RTP and payload header are about 64 bytes a frame: 20 kbit/s at 40 frames a second,
  // and 5 % beyond for higher rates.
  const uint64_t bits =
      uint64_t{media_bits_per_second} + std::max<uint64_t>(20'000, media_bits_per_second / 20);
  return static_cast<uint32_t>((bits + 999) / 1000);
}

}  // namespace headwater
