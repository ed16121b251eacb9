#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/rtp-packager/media/opus_packet.h"
#include "services/rtp-packager/media/payloader.h"

namespace headwater {

// Opus in RTP: RFC 7587 section 4.2, one Opus packet a payload, so group_max is not looked at and
// nothing ever waits. The marker is never set: it would begin a talkspurt (RFC 3551 section 4.1),
// and this sender never pauses.
//
// RTP has no fragments of Opus. A packet larger than payload_max is sent frame by frame, which
// needs at most 1276 bytes; a single frame that still does not fit is replaced by an empty one (RFC
// 6716 section 3.2.1), which decoders conceal as they conceal a loss.
class OpusPayloader final : public Payloader {
 public:
  explicit OpusPayloader(const PayloaderOptions& options) : options_(options) {}

  // A frame is one Opus packet, its clock kOpusSampleRate.
  void Push(const AudioFrameView& frame, const MediaTime& time) override;
  void Flush() override {}
  const RtpPayload* Next() override;
  void MarkDiscontinuity() override {}

 private:
  const RtpPayload* EmitFrame();

  const PayloaderOptions options_;
  AudioFrameView held_;  // without bytes: nothing
  MediaTime time_;       // of what is given out next
  OpusPacketView split_;
  size_t split_next_ = 0;  // frame_count: nothing is split
  std::vector<uint8_t> out_;
  RtpPayload payload_;
};

}  // namespace headwater
