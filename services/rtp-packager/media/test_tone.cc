#include "services/rtp-packager/media/test_tone.h"

#include <cmath>
#include <memory>
#include <numbers>

#include "services/rtp-packager/media/audio_header.h"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace headwater {
namespace {

constexpr int kSampleRate = 48000;
constexpr int kBitsPerSecond = 128000;
constexpr int kFrameSamples = 1152;
// 3 s are whole frames, and 1320 periods of the tone: the last sample leads into the first.
constexpr int kLoopFrames = 125;
constexpr int kLoopSamples = kLoopFrames * kFrameSamples;
constexpr double kToneHz = 440;
constexpr double kBeepHz = 1000;
constexpr int kBeepSamples = kSampleRate / 10;
constexpr double kAmplitude = 0.3 * 32767;

struct FreeContext {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
struct FreeFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct FreePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

// Tone and beep have whole periods between their borders, so the change of pitch makes no click.
int16_t SampleAt(int index) {
  const int in_second = index % kSampleRate;
  const double hz = in_second < kBeepSamples ? kBeepHz : kToneHz;
  const double phase = 2 * std::numbers::pi * hz * in_second / kSampleRate;
  return static_cast<int16_t>(std::lround(kAmplitude * std::sin(phase)));
}

void FillFrame(int first_sample, AVFrame& frame) {
  auto* samples = reinterpret_cast<int16_t*>(frame.data[0]);
  for (int i = 0; i < kFrameSamples; ++i) {
    const int16_t sample = SampleAt((first_sample + i) % kLoopSamples);
    samples[2 * i] = sample;
    samples[2 * i + 1] = sample;
  }
}

class Encoder {
 public:
  absl::Status Open() {
    const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MP2);
    if (codec == nullptr) return absl::UnimplementedError("libavcodec has no MP2 encoder");
    context_.reset(avcodec_alloc_context3(codec));
    context_->sample_rate = kSampleRate;
    context_->bit_rate = kBitsPerSecond;
    context_->sample_fmt = AV_SAMPLE_FMT_S16;
    context_->ch_layout = AV_CHANNEL_LAYOUT_STEREO;
    if (avcodec_open2(context_.get(), codec, nullptr) < 0) {
      return absl::InternalError("MP2 encoder: cannot open 48 kHz stereo 128 kb/s");
    }
    frame_.reset(av_frame_alloc());
    frame_->format = context_->sample_fmt;
    frame_->nb_samples = kFrameSamples;
    frame_->sample_rate = kSampleRate;
    frame_->ch_layout = context_->ch_layout;
    if (av_frame_get_buffer(frame_.get(), 0) < 0) return absl::ResourceExhaustedError("MP2 frame");
    packet_.reset(av_packet_alloc());
    return absl::OkStatus();
  }

  // The frame of these samples; each in gives one out.
  absl::StatusOr<std::vector<uint8_t>> Encode(int first_sample) {
    if (av_frame_make_writable(frame_.get()) < 0) return absl::ResourceExhaustedError("MP2 frame");
    FillFrame(first_sample, *frame_);
    frame_->pts = first_sample;
    if (avcodec_send_frame(context_.get(), frame_.get()) < 0 ||
        avcodec_receive_packet(context_.get(), packet_.get()) < 0) {
      return absl::InternalError("MP2 encoder: no packet for a frame");
    }
    std::vector<uint8_t> bytes(packet_->data, packet_->data + packet_->size);
    av_packet_unref(packet_.get());
    return bytes;
  }

 private:
  std::unique_ptr<AVCodecContext, FreeContext> context_;
  std::unique_ptr<AVFrame, FreeFrame> frame_;
  std::unique_ptr<AVPacket, FreePacket> packet_;
};

}  // namespace

absl::StatusOr<TestTone> MakeTestTone() {
  Encoder encoder;
  if (absl::Status status = encoder.Open(); !status.ok()) return status;
  TestTone tone;
  // MP2 has no bit reservoir, but its filter bank remembers 480 samples: with the end of the loop
  // encoded first, the first frame continues the last one.
  for (int frame = -2; frame < kLoopFrames; ++frame) {
    const int first = (frame + kLoopFrames) % kLoopFrames * kFrameSamples;
    absl::StatusOr<std::vector<uint8_t>> bytes = encoder.Encode(first);
    if (!bytes.ok()) return bytes.status();
    if (frame < 0) continue;
    tone.frames.push_back({*std::move(bytes), kFrameSamples, kSampleRate});
  }
  const std::optional<AudioHeader> header = ParseMpegAudioHeader(tone.frames.front().bytes);
  if (!header.has_value()) return absl::InternalError("MP2 encoder: its frame has no header");
  tone.format = header->format;
  return tone;
}

}  // namespace headwater
