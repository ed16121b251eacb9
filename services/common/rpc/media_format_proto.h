#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "headwater/types/v1/types.pb.h"

// The proto MediaFormat and the structs that mean the same: each core has its own, with the fields
// of that name that it needs (encoding, payload_type, clock_rate, channels, fmtp; the bit rate and
// the description only where there are such fields).
namespace headwater {

template <typename Format>
concept HasBitRate = requires(Format format) {
  format.bits_per_second;
  format.description;
};

template <typename Format>
types::v1::MediaFormat FormatToProto(const Format& format) {
  types::v1::MediaFormat proto;
  proto.set_encoding(format.encoding);
  proto.set_payload_type(format.payload_type);
  proto.set_clock_rate(format.clock_rate);
  proto.set_channels(format.channels);
  proto.set_fmtp(format.fmtp);
  if constexpr (HasBitRate<Format>) {
    proto.set_bits_per_second(format.bits_per_second);
    proto.set_description(format.description);
  }
  return proto;
}

// A payload type that is too large for its field becomes the largest, which is as wrong.
template <typename Format>
Format FormatFromProto(const types::v1::MediaFormat& proto) {
  using PayloadType = decltype(Format::payload_type);
  constexpr uint32_t kPayloadTypeMax = std::numeric_limits<PayloadType>::max();
  Format format;
  format.encoding = proto.encoding();
  format.payload_type = static_cast<PayloadType>(std::min(proto.payload_type(), kPayloadTypeMax));
  format.clock_rate = proto.clock_rate();
  format.channels = proto.channels();
  format.fmtp = proto.fmtp();
  if constexpr (HasBitRate<Format>) {
    format.bits_per_second = proto.bits_per_second();
    format.description = proto.description();
  }
  return format;
}

}  // namespace headwater
