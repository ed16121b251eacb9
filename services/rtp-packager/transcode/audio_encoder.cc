#include "services/rtp-packager/transcode/audio_encoder.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/aac_config.h"

namespace headwater::packager {
namespace {

constexpr uint32_t kOpusRate = 48000;

const char* EncoderFor(const AudioFormat& target) {
  switch (target.codec) {
    case AudioCodec::kMpegAudio:
      return target.layer == 3 ? "libmp3lame" : "mp2";
    case AudioCodec::kAac:
      return "aac";
    case AudioCodec::kOpus:
      return "libopus";
  }
  return "";
}

// The source's rate where the codec has it, else the next above, else 48 kHz.
uint32_t RateFor(const AudioFormat& target, int source) {
  if (target.sample_rate != 0) return target.sample_rate;
  if (target.codec == AudioCodec::kOpus) return kOpusRate;
  for (const uint32_t rate : {16000u, 22050u, 24000u, 32000u, 44100u}) {
    if (static_cast<int>(rate) >= source) return rate;
  }
  return 48000;
}

AVSampleFormat SampleFormatFor(const AVCodec& codec) {
  for (const AVSampleFormat* each = codec.sample_fmts; each && *each != AV_SAMPLE_FMT_NONE;
       ++each) {
    if (*each == AV_SAMPLE_FMT_FLT || *each == AV_SAMPLE_FMT_FLTP) return *each;
  }
  return codec.sample_fmts ? codec.sample_fmts[0] : AV_SAMPLE_FMT_S16;
}

absl::Status NoMemory() { return absl::ResourceExhaustedError("no memory to encode"); }

}  // namespace

absl::Status AudioEncoder::OpenCodec(const AudioFormat& target) {
  const AVCodec* codec = avcodec_find_encoder_by_name(EncoderFor(target));
  if (codec == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(target.ToString(), ": no encoder"));
  }
  context_.reset(avcodec_alloc_context3(codec));
  if (!context_) return NoMemory();
  context_->thread_count = 1;
  context_->sample_rate = static_cast<int>(target.sample_rate);
  context_->bit_rate = target.bits_per_second;
  context_->sample_fmt = SampleFormatFor(*codec);
  context_->time_base = {1, context_->sample_rate};
  av_channel_layout_default(&context_->ch_layout, target.channels);
  if (avcodec_open2(context_.get(), codec, nullptr) < 0) {
    context_.reset();
    return absl::FailedPreconditionError(absl::StrCat(target.ToString(), ": cannot be encoded"));
  }
  if (target.codec != AudioCodec::kAac) return absl::OkStatus();
  // Listeners have the announced configuration; the encoder's own may only add to it what is said
  // of the absence of SBR.
  const std::vector<uint8_t> announced = WriteAacConfig(target);
  const Bytes own(context_->extradata, static_cast<size_t>(context_->extradata_size));
  if (own.size() >= announced.size() &&
      std::equal(announced.begin(), announced.end(), own.begin())) {
    return absl::OkStatus();
  }
  context_.reset();
  return absl::FailedPreconditionError(
      absl::StrCat(target.ToString(), ": the encoder's configuration is another"));
}

bool AudioEncoder::Allocate(AVFrame& frame, int samples) const {
  frame.format = context_->sample_fmt;
  frame.sample_rate = context_->sample_rate;
  frame.nb_samples = samples;
  return av_channel_layout_copy(&frame.ch_layout, &context_->ch_layout) >= 0 &&
         av_frame_get_buffer(&frame, 0) >= 0;
}

absl::Status AudioEncoder::Open(const AudioFormat& target, const AVFrame& like) {
  format_ = target;
  if (format_.codec == AudioCodec::kMpegAudio && format_.layer == 1) format_.layer = 2;
  format_.sample_rate = RateFor(target, like.sample_rate);
  if (format_.channels == 0) {
    format_.channels = static_cast<uint8_t>(std::clamp(like.ch_layout.nb_channels, 1, 2));
  }
  absl::Status status = OpenCodec(format_);
  if (!status.ok()) return status;
  format_.frame_samples = static_cast<uint32_t>(context_->frame_size);
  frame_.reset(av_frame_alloc());
  packet_.reset(av_packet_alloc());
  converted_.reset(av_frame_alloc());
  if (!frame_ || !packet_ || !converted_) return NoMemory();
  if (!Allocate(*frame_, context_->frame_size)) return NoMemory();
  fifo_.reset(av_audio_fifo_alloc(context_->sample_fmt, format_.channels, context_->frame_size));
  return fifo_ ? absl::OkStatus() : NoMemory();
}

absl::Status AudioEncoder::Fit(const AVFrame& frame) {
  if (in_ && in_->format == frame.format && in_->sample_rate == frame.sample_rate &&
      av_channel_layout_compare(&in_->ch_layout, &frame.ch_layout) == 0) {
    return absl::OkStatus();
  }
  if (resampler_) {
    if (absl::Status status = Resample(nullptr, 0); !status.ok()) return status;
  }
  in_.reset(av_frame_alloc());
  if (!in_ || av_channel_layout_copy(&in_->ch_layout, &frame.ch_layout) < 0) return NoMemory();
  in_->format = frame.format;
  in_->sample_rate = frame.sample_rate;
  // Channels in no known order are taken in the usual one.
  AVChannelLayout layout = {};
  if (frame.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
    av_channel_layout_default(&layout, frame.ch_layout.nb_channels);
  } else if (av_channel_layout_copy(&layout, &frame.ch_layout) < 0) {
    return NoMemory();
  }
  SwrContext* context = nullptr;
  const int error = swr_alloc_set_opts2(
      &context, &context_->ch_layout, context_->sample_fmt, context_->sample_rate, &layout,
      static_cast<AVSampleFormat>(frame.format), frame.sample_rate, 0, nullptr);
  av_channel_layout_uninit(&layout);
  resampler_.reset(context);
  if (error < 0 || swr_init(context) < 0) {
    resampler_.reset();
    in_.reset();
    return absl::FailedPreconditionError(absl::StrCat("cannot be resampled: ", frame.sample_rate,
                                                      " Hz, ", frame.ch_layout.nb_channels,
                                                      " channels"));
  }
  return absl::OkStatus();
}

absl::Status AudioEncoder::Resample(const uint8_t** from, int samples) {
  const int room = swr_get_out_samples(resampler_.get(), samples);
  if (room < 0) return absl::InternalError("the resampler failed");
  if (room > converted_room_) {
    av_frame_unref(converted_.get());
    if (!Allocate(*converted_, room)) return NoMemory();
    converted_room_ = room;
  }
  const int got = swr_convert(resampler_.get(), converted_->extended_data, room, from, samples);
  if (got < 0) return absl::InternalError("the resampler failed");
  auto** planes = reinterpret_cast<void**>(converted_->extended_data);
  return av_audio_fifo_write(fifo_.get(), planes, got) < got ? NoMemory() : absl::OkStatus();
}

absl::Status AudioEncoder::Encode(const AVFrame& frame, const Sink& sink) {
  if (absl::Status status = Fit(frame); !status.ok()) return status;
  auto** from = const_cast<const uint8_t**>(frame.extended_data);
  if (absl::Status status = Resample(from, frame.nb_samples); !status.ok()) return status;
  return Drain(sink);
}

absl::Status AudioEncoder::Drain(const Sink& sink) {
  while (av_audio_fifo_size(fifo_.get()) >= context_->frame_size) {
    if (av_frame_make_writable(frame_.get()) < 0) return NoMemory();
    auto** planes = reinterpret_cast<void**>(frame_->extended_data);
    av_audio_fifo_read(fifo_.get(), planes, context_->frame_size);
    if (absl::Status status = EncodeOne(frame_.get(), sink); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AudioEncoder::EncodeOne(const AVFrame* frame, const Sink& sink) {
  if (frame != nullptr) {
    frame_->pts = pts_;
    pts_ += context_->frame_size;
  }
  int error = avcodec_send_frame(context_.get(), frame);
  while (error >= 0) {
    error = avcodec_receive_packet(context_.get(), packet_.get());
    if (error < 0) break;
    const bool more = sink({{packet_->data, packet_->data + packet_->size},
                            format_.frame_samples,
                            format_.sample_rate});
    av_packet_unref(packet_.get());
    if (!more) return absl::CancelledError();
  }
  if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(format_.ToString(), ": the encoder failed"));
}

absl::Status AudioEncoder::Finish(const Sink& sink) {
  if (!open()) return absl::OkStatus();
  if (resampler_) {
    if (absl::Status status = Resample(nullptr, 0); !status.ok()) return status;
  }
  if (absl::Status status = Drain(sink); !status.ok()) return status;
  const int rest = av_audio_fifo_size(fifo_.get());
  if (rest > 0) {
    if (av_frame_make_writable(frame_.get()) < 0) return NoMemory();
    av_audio_fifo_read(fifo_.get(), reinterpret_cast<void**>(frame_->extended_data), rest);
    av_samples_set_silence(frame_->extended_data, rest, context_->frame_size - rest,
                           format_.channels, context_->sample_fmt);
    if (absl::Status status = EncodeOne(frame_.get(), sink); !status.ok()) return status;
  }
  return EncodeOne(nullptr, sink);
}

}  // namespace headwater::packager
