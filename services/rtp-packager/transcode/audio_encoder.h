#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>

#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/transcode/libav_handles.h"

namespace headwater::packager {

// Decoded audio of any kind, and of another kind in the middle, to frames of one format. One
// thread.
class AudioEncoder {
 public:
  // False: stop.
  using Sink = std::function<bool(AudioFrame)>;

  // `like`: the first frame that will come, for what the target leaves open. FAILED_PRECONDITION:
  // libavcodec cannot make exactly that.
  absl::Status Open(const AudioFormat& target, const AVFrame& like);
  bool open() const { return context_ != nullptr; }
  // Of what comes out.
  const AudioFormat& format() const { return format_; }

  absl::Status Encode(const AVFrame& frame, const Sink& sink);
  // The rest, its last frame filled with silence. Then only destruction.
  absl::Status Finish(const Sink& sink);

 private:
  // A buffer for so many samples of the encoder's kind.
  bool Allocate(AVFrame& frame, int samples) const;
  absl::Status OpenCodec(const AudioFormat& target);
  // Makes the resampler fit for this frame; what the one before still holds goes first.
  absl::Status Fit(const AVFrame& frame);
  absl::Status Resample(const uint8_t** from, int samples);
  // Encodes what is there in whole frames.
  absl::Status Drain(const Sink& sink);
  absl::Status EncodeOne(const AVFrame* frame, const Sink& sink);

  AudioFormat format_;
  LibavPtr<AVCodecContext> context_;
  LibavPtr<SwrContext> resampler_;
  // What the resampler is set up for.
  LibavPtr<AVFrame> in_;
  LibavPtr<AVAudioFifo> fifo_;
  LibavPtr<AVFrame> frame_;
  LibavPtr<AVFrame> converted_;
  int converted_room_ = 0;
  LibavPtr<AVPacket> packet_;
  int64_t pts_ = 0;
};

}  // namespace headwater::packager
