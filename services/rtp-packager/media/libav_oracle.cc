#include "services/rtp-packager/media/libav_oracle.h"

#include <cstring>

#include "services/common/base/check.h"
#include "services/rtp-packager/media/audio_header.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace headwater {
namespace {

AVCodecID CodecId(const AudioFormat& format) {
  if (format.codec == AudioCodec::kAac) return AV_CODEC_ID_AAC;
  if (format.codec == AudioCodec::kOpus) return AV_CODEC_ID_OPUS;
  constexpr AVCodecID kLayers[] = {AV_CODEC_ID_MP1, AV_CODEC_ID_MP2, AV_CODEC_ID_MP3};
  return kLayers[format.layer - 1];
}

void SetExtradata(const AudioFormat& format, uint8_t*& extradata, int& size) {
  if (format.codec != AudioCodec::kAac) return;
  extradata = static_cast<uint8_t*>(av_mallocz(2 + AV_INPUT_BUFFER_PADDING_SIZE));
  const int config = (format.object_type << 11) | (*AacRateIndex(format.sample_rate) << 7) |
                     (format.channel_config << 3);
  extradata[0] = static_cast<uint8_t>(config >> 8);
  extradata[1] = static_cast<uint8_t>(config);
  size = 2;
}

void FillPacket(const AudioFrame& frame, AVPacket* packet) {
  HW_CHECK(av_new_packet(packet, static_cast<int>(frame.bytes.size())) == 0);
  std::memcpy(packet->data, frame.bytes.data(), frame.bytes.size());
}

void AppendSamples(const AVFrame& frame, Decoded& out) {
  const int channels = frame.ch_layout.nb_channels;
  out.channels.resize(static_cast<size_t>(channels));
  out.sample_rate = frame.sample_rate;
  const auto format = static_cast<AVSampleFormat>(frame.format);
  const bool planar = av_sample_fmt_is_planar(format) != 0;
  for (int c = 0; c < channels; ++c) {
    for (int i = 0; i < frame.nb_samples; ++i) {
      const uint8_t* plane = frame.extended_data[planar ? c : 0];
      const int index = planar ? i : i * channels + c;
      float sample = 0;
      if (av_get_packed_sample_fmt(format) == AV_SAMPLE_FMT_FLT) {
        sample = reinterpret_cast<const float*>(plane)[index];
      } else {
        HW_CHECK(av_get_packed_sample_fmt(format) == AV_SAMPLE_FMT_S16);
        sample = static_cast<float>(reinterpret_cast<const int16_t*>(plane)[index]) / 32768;
      }
      out.channels[static_cast<size_t>(c)].push_back(sample);
    }
  }
}

int TakePacket(void* opaque, uint8_t* data, int size) {
  // RTCP packet types stand where RTP has marker and payload type.
  if (size > 1 && (data[1] < 192 || data[1] > 223)) {
    static_cast<std::vector<std::vector<uint8_t>>*>(opaque)->emplace_back(data, data + size);
  }
  return size;
}

}  // namespace

Decoded DecodeWithLibav(const AudioFormat& format, const std::vector<AudioFrame>& frames) {
  Decoded out;
  const AVCodec* codec = avcodec_find_decoder(CodecId(format));
  HW_CHECK(codec != nullptr);
  AVCodecContext* context = avcodec_alloc_context3(codec);
  context->sample_rate = static_cast<int>(format.sample_rate);
  SetExtradata(format, context->extradata, context->extradata_size);
  HW_CHECK(avcodec_open2(context, codec, nullptr) == 0);
  AVPacket* packet = av_packet_alloc();
  AVFrame* decoded = av_frame_alloc();
  for (const AudioFrame& frame : frames) {
    FillPacket(frame, packet);
    const bool sent = avcodec_send_packet(context, packet) == 0;
    av_packet_unref(packet);
    if (!sent) break;
    while (avcodec_receive_frame(context, decoded) == 0) AppendSamples(*decoded, out);
  }
  av_frame_free(&decoded);
  av_packet_free(&packet);
  avcodec_free_context(&context);
  return out;
}

std::vector<std::vector<uint8_t>> PacketsOfLibav(const AudioFormat& format,
                                                 const std::vector<AudioFrame>& frames,
                                                 int packet_size, int max_delay_us) {
  std::vector<std::vector<uint8_t>> packets;
  AVFormatContext* muxer = nullptr;
  HW_CHECK(avformat_alloc_output_context2(&muxer, nullptr, "rtp", nullptr) >= 0);
  auto* buffer = static_cast<unsigned char*>(av_malloc(static_cast<size_t>(packet_size)));
  muxer->pb = avio_alloc_context(buffer, packet_size, 1, &packets, nullptr, TakePacket, nullptr);
  muxer->pb->max_packet_size = packet_size;
  muxer->packet_size = static_cast<unsigned>(packet_size);
  muxer->max_delay = max_delay_us;
  AVStream* stream = avformat_new_stream(muxer, nullptr);
  stream->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;
  stream->codecpar->codec_id = CodecId(format);
  stream->codecpar->sample_rate = static_cast<int>(format.sample_rate);
  stream->codecpar->frame_size = static_cast<int>(format.frame_samples);
  av_channel_layout_default(&stream->codecpar->ch_layout, format.channels);
  SetExtradata(format, stream->codecpar->extradata, stream->codecpar->extradata_size);
  HW_CHECK(avformat_write_header(muxer, nullptr) >= 0);
  AVPacket* packet = av_packet_alloc();
  int64_t samples = 0;
  for (const AudioFrame& frame : frames) {
    FillPacket(frame, packet);
    packet->stream_index = 0;
    packet->pts =
        av_rescale_q(samples, {1, static_cast<int>(frame.sample_rate)}, stream->time_base);
    packet->dts = packet->pts;
    samples += frame.samples;
    HW_CHECK(av_write_frame(muxer, packet) >= 0);
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  av_write_trailer(muxer);
  av_freep(&muxer->pb->buffer);
  avio_context_free(&muxer->pb);
  avformat_free_context(muxer);
  return packets;
}

std::vector<std::vector<uint8_t>> AudioPacketsOfLibav(const std::string& sample) {
  const std::string path = std::string("tests/data/media/") + sample;
  AVFormatContext* context = nullptr;
  HW_CHECK(avformat_open_input(&context, path.c_str(), nullptr, nullptr) == 0);
  HW_CHECK(avformat_find_stream_info(context, nullptr) >= 0);
  const int stream = av_find_best_stream(context, AVMEDIA_TYPE_AUDIO, -1, -1, nullptr, 0);
  std::vector<std::vector<uint8_t>> packets;
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(context, packet) == 0) {
    if (packet->stream_index == stream) {
      packets.emplace_back(packet->data, packet->data + packet->size);
    }
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&context);
  return packets;
}

}  // namespace headwater
