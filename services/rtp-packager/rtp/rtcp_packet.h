#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/rtp-packager/rtp/rtp_types.h"

namespace headwater {

enum class RtcpError : uint8_t {
  kTruncated,    // a packet's length field, count or item goes past the end
  kVersion,      // a packet not of version 2
  kPadding,      // padding not in the last packet, or of an impossible length
  kFirstPacket,  // a compound must begin with SR or RR (RFC 3550 section 6.1)
  kTooMany,      // more than kRtcpPacketsMax packets
};
const char* ToString(RtcpError error);

// More packets than this in one compound is an error; no honest one has more than five.
inline constexpr size_t kRtcpPacketsMax = 64;

// RFC 3550 section 6.4.1.
struct ReportBlock {
  Ssrc ssrc{};
  uint8_t fraction_lost = 0;         // of 256
  int32_t cumulative_lost = 0;       // 24 bits, signed
  uint32_t highest_sequence = 0;     // with the cycle count on top
  uint32_t jitter = 0;               // timestamp ticks
  uint32_t last_sr = 0;              // middle of the NTP time of the last SR; 0: none
  uint32_t delay_since_last_sr = 0;  // 1/65536 s

  bool operator==(const ReportBlock&) const = default;
};

struct SenderReport {
  Ssrc ssrc{};
  NtpTime ntp;
  RtpTimestamp timestamp;
  uint32_t packets = 0;
  uint32_t octets = 0;              // payload only
  std::vector<ReportBlock> blocks;  // at most 31

  bool operator==(const SenderReport&) const = default;
};

struct ReceiverReport {
  Ssrc ssrc{};
  std::vector<ReportBlock> blocks;  // at most 31

  bool operator==(const ReceiverReport&) const = default;
};

// Only the CNAME is kept; other items are skipped. The text is as it came: not cleaned.
struct SourceDescription {
  struct Chunk {
    Ssrc ssrc{};
    std::string cname;  // at most 255 bytes; empty: the chunk had none
    bool operator==(const Chunk&) const = default;
  };
  std::vector<Chunk> chunks;  // at most 31

  bool operator==(const SourceDescription&) const = default;
};

struct Bye {
  std::vector<Ssrc> ssrcs;  // at most 31
  std::string reason;       // at most 255 bytes, not cleaned

  bool operator==(const Bye&) const = default;
};

using RtcpPacket = std::variant<SenderReport, ReceiverReport, SourceDescription, Bye>;

// Parses one datagram. APP and unknown packet types are skipped, profile-specific extensions of
// reports too.
Result<std::vector<RtcpPacket>, RtcpError> ParseRtcp(Bytes bytes);

// Appends one packet of a compound.
void SerializeTo(const RtcpPacket& packet, std::vector<uint8_t>& out);

std::string ToString(const RtcpPacket& packet);

}  // namespace headwater
