#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "services/common/base/bytes.h"

namespace headwater {

// Of timestamps and sample counts, whatever the encoder was fed (RFC 7587 section 4.1).
inline constexpr uint32_t kOpusSampleRate = 48000;
inline constexpr uint32_t kOpusPacketSamplesMax = 5760;  // 120 ms
inline constexpr size_t kOpusFramesMax = 48;
inline constexpr size_t kOpusFrameBytesMax = 1275;

// An Opus packet as RFC 6716 section 3 frames it, without self-delimiting.
struct OpusPacketView {
  // The first byte of a packet that holds one of the frames alone.
  uint8_t toc = 0;
  uint32_t frame_samples = 0;  // of each frame, per channel, at kOpusSampleRate: 120..2880
  size_t frame_count = 0;      // 1..kOpusFramesMax
  // Views into the input; a frame may be empty (nothing was sent, section 3.2.1).
  std::array<Bytes, kOpusFramesMax> frames;

  // At most kOpusPacketSamplesMax.
  uint32_t samples() const { return frame_samples * static_cast<uint32_t>(frame_count); }
  bool stereo() const { return (toc & 4) != 0; }

  // Nothing for a packet that breaks one of section 3.4's rules, which a decoder must not be given.
  static std::optional<OpusPacketView> Parse(Bytes packet);
};

}  // namespace headwater
