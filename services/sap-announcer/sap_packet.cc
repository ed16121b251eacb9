#include "services/sap-announcer/sap_packet.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"

namespace headwater {
namespace {

constexpr uint8_t kVersionMask = 0xE0;
constexpr uint8_t kVersion1 = 0x20;
constexpr uint8_t kIpv6 = 0x10;
constexpr uint8_t kDeletion = 0x04;
constexpr uint8_t kEncrypted = 0x02;
constexpr uint8_t kCompressed = 0x01;

// Longest MIME type that is looked for; the bound is ours.
constexpr size_t kPayloadTypeMax = 255;

// The payload type may be missing where the payload is an SDP, which no MIME type can look like
// (RFC 2974 section 6).
bool IsBareSdp(std::string_view rest, bool deletion) {
  return rest.starts_with("v=0\r\n") || rest.starts_with("v=0\n") ||
         (deletion && rest.starts_with("o="));
}

bool IsMimeType(std::string_view text) {
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  return printable && text.find('/') != std::string_view::npos;
}

}  // namespace

std::string_view ToString(SapError error) {
  switch (error) {
    case SapError::kShort:
      return "short";
    case SapError::kVersion:
      return "version";
    case SapError::kEncrypted:
      return "encrypted";
    case SapError::kCompressed:
      return "compressed";
    case SapError::kZeroHash:
      return "zero_hash";
    case SapError::kBadSource:
      return "bad_source";
    case SapError::kPayloadType:
      return "payload_type";
  }
  return "unknown";
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | V=1 |A|R|T|E|C|   auth len    |         msg id hash           |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// :                originating source (32 or 128 bits)            :
// :                optional authentication data                   :
// +*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-+
// :                optional payload type, NUL                     :
// :                payload                                        :
Result<SapPacket, SapError> SapPacket::Parse(Bytes bytes) {
  ByteReader reader(bytes);
  const uint8_t flags = reader.U8();
  const size_t auth_words = reader.U8();
  SapPacket packet;
  packet.hash = reader.U16();
  const Bytes source = reader.Take(flags & kIpv6 ? 16 : 4);
  reader.Skip(auth_words * 4);
  if (!reader.ok()) return SapError::kShort;
  if ((flags & kVersionMask) != kVersion1) return SapError::kVersion;
  if (flags & kEncrypted) return SapError::kEncrypted;
  if (flags & kCompressed) return SapError::kCompressed;
  if (packet.hash == 0) return SapError::kZeroHash;
  packet.source = *IpAddress::FromBytes(source);
  if (packet.source.IsUnspecified() || packet.source.IsMulticast()) return SapError::kBadSource;
  packet.deletion = flags & kDeletion;

  std::string_view rest = AsText(reader.Rest());
  if (rest.empty()) return SapError::kShort;
  if (!IsBareSdp(rest, packet.deletion)) {
    const size_t end = rest.substr(0, kPayloadTypeMax + 1).find('\0');
    if (end == std::string_view::npos) return SapError::kPayloadType;
    packet.payload_type = rest.substr(0, end);
    if (!IsMimeType(packet.payload_type)) return SapError::kPayloadType;
    rest.remove_prefix(end + 1);
  }
  packet.payload = rest;
  return packet;
}

void SapPacket::SerializeTo(std::vector<uint8_t>& out) const {
  HW_CHECK(hash != 0);
  ByteWriter writer(out);
  writer.U8(
      static_cast<uint8_t>(kVersion1 | (source.is_v6() ? kIpv6 : 0) | (deletion ? kDeletion : 0)));
  writer.U8(0);
  writer.U16(hash);
  writer.Append(source.bytes());
  writer.Append(AsBytes(payload_type));
  writer.U8(0);
  writer.Append(AsBytes(payload));
}

std::string SapPacket::ToString() const {
  return fmt::format("SAP {} hash={:#06x} source={} type={} payload={} bytes",
                     deletion ? "deletion" : "announcement", hash, source.ToString(), payload_type,
                     payload.size());
}

}  // namespace headwater
