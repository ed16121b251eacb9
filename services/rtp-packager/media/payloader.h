#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/time/mono_time.h"
#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/rtp/media_clock.h"

namespace headwater {

struct PayloaderOptions {
  // RTP payload, without RTP, UDP and IP headers: 1400 leaves 1500 - 40 - 8 - 12 its margin for a
  // tunnel. At least 64.
  size_t payload_max = 1400;
  // A packet is closed when it holds this much: fewer packets against latency and loss. 0: one
  // frame a packet.
  Duration group_max = 100ms;
};

struct RtpPayload {
  Bytes bytes;  // valid until the next Push, Flush or Next
  bool marker = false;
  MediaTime time;     // of the first frame in it
  Duration length{};  // of whole frames in it; of fragments, all but the last carry 0
};

// Puts frames into RTP payloads. No allocation once its buffers have grown. Use: Push one frame,
// then Next until nullptr; the frame's bytes must live until then.
class Payloader {
 public:
  virtual ~Payloader() = default;

  virtual void Push(const AudioFrameView& frame, const MediaTime& time) = 0;
  // Gives out what waits for more frames: before a pause, a format change or the end.
  virtual void Flush() = 0;
  // The next payload to send, or nullptr.
  virtual const RtpPayload* Next() = 0;
  // The next packet follows a gap or is the first: MPA marks it (RFC 2250 section 3.3).
  virtual void MarkDiscontinuity() = 0;
};

std::unique_ptr<Payloader> MakePayloader(AudioCodec codec, const PayloaderOptions& options = {});

}  // namespace headwater
