#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <string>

#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/transcode/libav_handles.h"
#include "services/rtp-packager/transcode/source_codec.h"

namespace headwater::packager {

// One allowed decoder of libavcodec. One thread.
class AudioDecoder {
 public:
  // False: stop.
  using Sink = std::function<bool(const AVFrame&)>;

  // As a container describes it.
  absl::Status Open(const AllowedDecoder& decoder, const AVCodecParameters& parameters);
  // For the frames of a framer.
  absl::Status Open(const AudioFormat& format);
  bool open() const { return context_ != nullptr; }

  // `packet` null: gives out what the decoder still holds. What cannot be decoded is left out;
  // after kErrorsMax packets in a row that gave nothing but errors, FAILED_PRECONDITION.
  absl::Status Decode(const AVPacket* packet, const Sink& sink);

  SourceCodec codec() const { return codec_; }
  // "FLAC 44.1 kHz stereo"; after the first frame.
  std::string Describe(const AVFrame& frame) const;

 private:
  static constexpr int kErrorsMax = 200;

  absl::Status Start(const AllowedDecoder& decoder);

  LibavPtr<AVCodecContext> context_;
  LibavPtr<AVFrame> frame_;
  SourceCodec codec_ = SourceCodec::kUnknown;
  const char* title_ = "";
  int errors_ = 0;
};

}  // namespace headwater::packager
