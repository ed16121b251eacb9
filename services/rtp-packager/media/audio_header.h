#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/audio_format.h"

namespace headwater {

// The header of one frame in a byte stream, as much of it as framing needs.
struct AudioHeader {
  AudioFormat format;
  size_t size = 0;         // of the frame with its header, bytes
  size_t header_size = 0;  // what a listener is not sent: 0 for MPEG audio, 7 or 9 for ADTS
  const char* unsupported = nullptr;  // a valid frame, but why it cannot be sent
};

// Bytes that the two parsers below look at.
inline constexpr size_t kMpegAudioHeaderSize = 4;
inline constexpr size_t kAdtsHeaderSize = 7;

// ISO 11172-3 section 2.4.1.3, ISO 13818-3 and the unofficial MPEG 2.5. Free format (bit rate index
// 0) counts as no header: its frames' size is not in it. Nothing if fewer bytes.
std::optional<AudioHeader> ParseMpegAudioHeader(Bytes bytes);

// ISO 14496-3 section 1.A.2.2. Nothing if fewer bytes. No bytes pass both parsers: they differ in
// the layer field.
std::optional<AudioHeader> ParseAdtsHeader(Bytes bytes);

// Appends the header, without CRC, of an AAC frame of that many bytes, at most kAdtsFrameMax.
inline constexpr size_t kAdtsFrameMax = 0x1fff - kAdtsHeaderSize;
void WriteAdtsHeader(const AudioFormat& format, size_t frame_size, std::vector<uint8_t>& out);

// The first header byte to the fourth for a frame of this format at its lowest bit rate, without
// CRC or padding; silence begins so.
struct MpegAudioFrameHead {
  uint8_t bytes[kMpegAudioHeaderSize];
  size_t frame_size;
};
MpegAudioFrameHead SmallestMpegAudioFrame(const AudioFormat& format);

// Where a Xing, Info or VBRI tag stands in a layer 3 frame; true when there is one: the frame is a
// note to file players, not sound.
bool IsMpegInfoFrame(Bytes frame);

// ISO 14496-3 table 1.18; 0 for an index that is reserved.
uint32_t AacRate(uint32_t index);
// Index of that table; nothing for a rate that is not in it.
std::optional<uint8_t> AacRateIndex(uint32_t sample_rate);

}  // namespace headwater
