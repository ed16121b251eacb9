#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/common/net/ip_address.h"

namespace headwater {

inline constexpr uint16_t kSapPort = 9875;
inline constexpr std::string_view kSdpMimeType = "application/sdp";

enum class SapError {
  kShort,        // ends inside the header, the authentication data or the payload type
  kVersion,      // not version 1
  kEncrypted,    // refused: nothing that we could read
  kCompressed,   // refused: an inflated size is not ours to trust, and FFmpeg's receiver does not
                 // read it either
  kZeroHash,     // RFC 2974 section 3: no longer allowed
  kBadSource,    // unspecified or multicast originating source
  kPayloadType,  // neither a MIME type nor a bare SDP
};
std::string_view ToString(SapError error);

// One announcement or deletion (RFC 2974 section 3), not encrypted, not compressed.
struct SapPacket {
  bool deletion = false;
  uint16_t hash = 0;
  // Originating source.
  IpAddress source;
  std::string payload_type{kSdpMimeType};
  // An SDP; in a deletion its o= line.
  std::string payload;

  // Authentication data is skipped, not verified.
  static Result<SapPacket, SapError> Parse(Bytes bytes);
  // The hash must not be 0. No authentication data is written.
  void SerializeTo(std::vector<uint8_t>& out) const;
  std::string ToString() const;

  bool operator==(const SapPacket&) const = default;
};

}  // namespace headwater
