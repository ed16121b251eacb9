#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/common/base/bytes.h"

namespace headwater {

enum class AudioCodec : uint8_t {
  kMpegAudio,  // MPEG-1, MPEG-2 and 2.5, layers 1 to 3: MP3 is layer 3
  kAac,        // as in ADTS
  kOpus,
};

// What encoded audio is, as its own headers tell it.
struct AudioFormat {
  AudioCodec codec = AudioCodec::kMpegAudio;
  uint8_t layer = 3;           // MPEG audio: 1..3
  uint8_t object_type = 2;     // AAC: 1 Main, 2 LC, 3 SSR, 4 LTP
  uint8_t channel_config = 0;  // AAC: 1..7
  uint32_t sample_rate = 0;    // Hz; of HE-AAC the core's; of Opus 48000
  // AAC: what SBR makes of it (HE-AAC), Hz; 0: its headers tell of none, as ADTS never does.
  uint32_t sbr_rate = 0;
  bool parametric_stereo =
      false;                   // AAC: HE-AAC v2, as far as headers tell; `channels` is the core's
  uint8_t channels = 0;        // of Opus the first packets', which later ones need not keep
  uint32_t frame_samples = 0;  // per channel; of Opus those of silence, its packets tell theirs
  uint32_t bits_per_second =
      0;  // nominal; of VBR the first frame's; 0: unknown (AAC: set it from icy-br where known)

  // The same but for the bit rate, which may change from frame to frame.
  bool SameStream(const AudioFormat& other) const;
  bool operator==(const AudioFormat&) const = default;
  // "MP3 44.1 kHz stereo 128 kb/s".
  std::string ToString() const;
};

// What SDP and RTP need to know (RFC 8866 section 6.6, proto MediaFormat).
struct RtpFormat {
  std::string encoding;  // "MPA", "mpeg4-generic", "opus"
  uint8_t payload_type = 0;
  uint32_t clock_rate = 0;       // Hz
  uint32_t channels = 0;         // 0: the rtpmap names none
  std::string fmtp;              // empty: no such line
  uint32_t bits_per_second = 0;  // nominal; 0: unknown
  std::string description;

  // All that a listener took from the SDP and never reads again: with it equal, media may be sent
  // into a running session.
  bool SameAnnouncement(const RtpFormat& other) const;
  bool operator==(const RtpFormat&) const = default;
};

// MPA is payload type 14 at 90 kHz (RFC 3551), AAC 96, mpeg4-generic in mode AAC-hbr (RFC 3640),
// Opus 97, always the same whatever its packets hold (RFC 7587).
RtpFormat ToRtpFormat(const AudioFormat& format);

// What Opus is: stereo or mono at 48 kHz, silence of 20 ms.
AudioFormat OpusFormat(uint8_t channels);

// One encoded frame: an MPEG audio frame with its header, an AAC access unit without ADTS header,
// an Opus packet. The bytes belong to whoever handed it out.
struct AudioFrameView {
  Bytes bytes;
  uint32_t samples = 0;      // per channel
  uint32_t sample_rate = 0;  // Hz
};

// One that owns its bytes.
struct AudioFrame {
  std::vector<uint8_t> bytes;
  uint32_t samples = 0;
  uint32_t sample_rate = 0;

  AudioFrameView view() const { return {bytes, samples, sample_rate}; }
};

}  // namespace headwater
