#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "services/rtp-packager/media/transcoder.h"
#include "services/rtp-packager/transcode/audio_decoder.h"
#include "services/rtp-packager/transcode/audio_encoder.h"
#include "services/rtp-packager/transcode/transcode_channel.h"

namespace headwater::packager {

// What one transcoding thread does, from the first byte to the last frame. One thread; codec() from
// any.
class TranscodeJob {
 public:
  TranscodeJob(TranscodeChannel& channel, const TranscodeRequest& request)
      : channel_(channel), request_(request) {}

  // Returns when all is given out, when it failed, or when the channel is stopped.
  void Run();

  // What the source has turned out to be.
  SourceCodec codec() const { return codec_; }
  bool failed() const { return failed_; }

 private:
  // Whole streams, and single frames.
  absl::Status RunStream();
  absl::Status RunFrames();
  absl::Status Decode(const AVPacket* packet);
  absl::Status OnAudio(const AVFrame& frame);
  absl::Status Flush();
  int Read(uint8_t* to, int size);

  TranscodeChannel& channel_;
  const TranscodeRequest request_;
  std::atomic<SourceCodec> codec_ = SourceCodec::kUnknown;
  std::atomic<bool> failed_ = false;
  // The newest, and how much of it has been read.
  TranscodeInput input_;
  size_t input_read_ = 0;
  AudioDecoder decoder_;
  AudioEncoder encoder_;
  std::string source_;
};

}  // namespace headwater::packager
