#include "services/rtp-packager/transcode/audio_decoder.h"

#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "services/rtp-packager/media/aac_config.h"

namespace headwater::packager {
namespace {

// Samples a channel in one frame: more is a broken header and not audio.
constexpr int64_t kFrameSamplesMax = 1 << 20;

AVCodecID CodecIdOf(const AudioFormat& format) {
  switch (format.codec) {
    case AudioCodec::kMpegAudio:
      return format.layer == 1   ? AV_CODEC_ID_MP1
             : format.layer == 2 ? AV_CODEC_ID_MP2
                                 : AV_CODEC_ID_MP3;
    case AudioCodec::kAac:
      return AV_CODEC_ID_AAC;
    case AudioCodec::kOpus:
      return AV_CODEC_ID_OPUS;
  }
  return AV_CODEC_ID_NONE;
}

}  // namespace

absl::Status AudioDecoder::Start(const AllowedDecoder& decoder) {
  const AVCodec* codec = avcodec_find_decoder_by_name(decoder.decoder);
  if (codec == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(decoder.title, ": no decoder"));
  }
  context_.reset(avcodec_alloc_context3(codec));
  frame_.reset(av_frame_alloc());
  if (!context_ || !frame_) return absl::ResourceExhaustedError("no memory to decode");
  context_->thread_count = 1;
  context_->max_samples = kFrameSamplesMax;
  codec_ = decoder.codec;
  title_ = decoder.title;
  errors_ = 0;
  return absl::OkStatus();
}

absl::Status AudioDecoder::Open(const AllowedDecoder& decoder,
                                const AVCodecParameters& parameters) {
  if (absl::Status status = Start(decoder); !status.ok()) return status;
  const AVCodec* codec = context_->codec;
  if (avcodec_parameters_to_context(context_.get(), &parameters) < 0 ||
      avcodec_open2(context_.get(), codec, nullptr) < 0) {
    context_.reset();
    return absl::FailedPreconditionError(absl::StrCat(title_, ": its headers cannot be read"));
  }
  return absl::OkStatus();
}

absl::Status AudioDecoder::Open(const AudioFormat& format) {
  const AllowedDecoder* decoder = FindAllowedDecoder(CodecIdOf(format));
  if (decoder == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(format.ToString(), ": no decoder"));
  }
  if (absl::Status status = Start(*decoder); !status.ok()) return status;
  context_->sample_rate = static_cast<int>(format.sample_rate);
  av_channel_layout_default(&context_->ch_layout, format.channels);
  if (format.codec == AudioCodec::kAac) {
    const std::vector<uint8_t> config = WriteAacConfig(format);
    context_->extradata =
        static_cast<uint8_t*>(av_mallocz(config.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    if (context_->extradata == nullptr) return absl::ResourceExhaustedError("no memory to decode");
    std::copy(config.begin(), config.end(), context_->extradata);
    context_->extradata_size = static_cast<int>(config.size());
  }
  if (avcodec_open2(context_.get(), nullptr, nullptr) < 0) {
    context_.reset();
    return absl::FailedPreconditionError(absl::StrCat(title_, ": its headers cannot be read"));
  }
  return absl::OkStatus();
}

absl::Status AudioDecoder::Decode(const AVPacket* packet, const Sink& sink) {
  // A packet has its frames taken out at once, so the decoder always takes the next.
  int error = avcodec_send_packet(context_.get(), packet);
  if (error < 0) ++errors_;
  while (error >= 0) {
    error = avcodec_receive_frame(context_.get(), frame_.get());
    if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) break;
    if (error < 0) {
      ++errors_;
      break;
    }
    if (frame_->nb_samples <= 0 || frame_->sample_rate <= 0) continue;
    errors_ = 0;
    if (!sink(*frame_)) break;
  }
  if (packet == nullptr || errors_ < kErrorsMax) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(title_, ": cannot be decoded"));
}

std::string AudioDecoder::Describe(const AVFrame& frame) const {
  const int channels = frame.ch_layout.nb_channels;
  char layout[64] = {};
  av_channel_layout_describe(&frame.ch_layout, layout, sizeof(layout));
  const std::string_view name = channels == 1   ? "mono"
                                : channels == 2 ? "stereo"
                                                : std::string_view(layout);
  return fmt::format("{} {:g} kHz {}", title_, frame.sample_rate / 1000.0, name);
}

}  // namespace headwater::packager
