#include "services/rtp-packager/rtp/rtp_packet.h"

#include <fmt/format.h>

#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"

namespace headwater {

const char* ToString(RtpError error) {
  switch (error) {
    case RtpError::kTruncated:
      return "truncated";
    case RtpError::kVersion:
      return "version";
    case RtpError::kPadding:
      return "padding";
    case RtpError::kRtcp:
      return "rtcp";
  }
  return "unknown";
}

std::string RtpHeader::ToString() const {
  return fmt::format("RTP pt={} seq={} ts={} ssrc={:08x}{}", payload_type, sequence.value(),
                     timestamp.value(), static_cast<uint32_t>(ssrc), marker ? " marker" : "");
}

// RFC 3550 section 5.1.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                           timestamp                           |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |           synchronization source (SSRC) identifier            |
// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
// |            contributing source (CSRC) identifiers             |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
void RtpHeader::SerializeTo(std::vector<uint8_t>& out) const {
  ByteWriter writer(out);
  writer.U8(0x80);
  writer.U8(static_cast<uint8_t>((marker ? 0x80 : 0) | (payload_type & 0x7f)));
  writer.U16(sequence.value());
  writer.U32(timestamp.value());
  writer.U32(static_cast<uint32_t>(ssrc));
}

Result<RtpPacketView, RtpError> RtpPacketView::Parse(Bytes bytes) {
  ByteReader reader(bytes);
  const uint8_t flags = reader.U8();
  const uint8_t marker_and_type = reader.U8();
  RtpPacketView packet;
  packet.header.marker = (marker_and_type & 0x80) != 0;
  packet.header.payload_type = marker_and_type & 0x7f;
  packet.header.sequence = SequenceNumber(reader.U16());
  packet.header.timestamp = RtpTimestamp(reader.U32());
  packet.header.ssrc = Ssrc{reader.U32()};
  if (!reader.ok()) return RtpError::kTruncated;
  if (flags >> 6 != 2) return RtpError::kVersion;
  // 200..204 with the marker bit: SR to APP (RFC 5761 section 4).
  if (packet.header.payload_type >= 72 && packet.header.payload_type <= 76) return RtpError::kRtcp;
  packet.csrcs = reader.Take(size_t{4} * (flags & 0x0f));
  if ((flags & 0x10) != 0) {
    packet.extension = reader.U16();
    packet.extension_data = reader.Take(size_t{4} * reader.U16());
  }
  if (!reader.ok()) return RtpError::kTruncated;
  packet.payload = reader.Rest();
  if ((flags & 0x20) != 0) {
    if (packet.payload.empty()) return RtpError::kPadding;
    const size_t padding = packet.payload.back();
    if (padding == 0 || padding > packet.payload.size()) return RtpError::kPadding;
    packet.payload = packet.payload.first(packet.payload.size() - padding);
  }
  return packet;
}

}  // namespace headwater
