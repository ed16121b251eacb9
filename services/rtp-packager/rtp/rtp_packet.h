#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/rtp-packager/rtp/rtp_types.h"

namespace headwater {

enum class RtpError : uint8_t {
  kTruncated,  // shorter than its fixed header, CSRC list or extension says
  kVersion,    // not version 2
  kPadding,    // padding of length 0 or longer than the payload
  kRtcp,       // payload type 72..76: an RTCP packet by RFC 5761
};
const char* ToString(RtpError error);

// What every packet of ours has: no CSRC, no extension, no padding.
struct RtpHeader {
  static constexpr size_t kSize = 12;

  bool marker = false;
  uint8_t payload_type = 0;  // 0..127
  SequenceNumber sequence;
  RtpTimestamp timestamp;
  Ssrc ssrc{};

  bool operator==(const RtpHeader&) const = default;
  std::string ToString() const;
  // Appends 12 bytes.
  void SerializeTo(std::vector<uint8_t>& out) const;
};

// A packet from the network (RFC 3550 section 5.1). The views point into the parsed bytes.
struct RtpPacketView {
  RtpHeader header;
  Bytes csrcs;                        // 4 bytes each
  std::optional<uint16_t> extension;  // "defined by profile"
  Bytes extension_data;
  Bytes payload;  // without padding

  static Result<RtpPacketView, RtpError> Parse(Bytes bytes);
};

}  // namespace headwater
