#include "services/rtp-packager/media/libav_ts_oracle.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "services/common/base/check.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace headwater {
namespace {

constexpr size_t kBuffer = 4096;

// libav's logging has no context of ours.
std::string* complaints = nullptr;

void TakeComplaint(void*, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING || complaints == nullptr) return;
  char line[256];
  std::vsnprintf(line, sizeof(line), format, arguments);
  *complaints += line;
}

int ReadBytes(void* opaque, uint8_t* data, int size) {
  auto& rest = *static_cast<Bytes*>(opaque);
  const size_t count = std::min(rest.size(), static_cast<size_t>(size));
  if (count == 0) return AVERROR_EOF;
  std::memcpy(data, rest.data(), count);
  rest = rest.subspan(count);
  return static_cast<int>(count);
}

AVFormatContext* Open(Bytes* rest) {
  AVFormatContext* input = avformat_alloc_context();
  auto* buffer = static_cast<unsigned char*>(av_malloc(kBuffer));
  input->pb = avio_alloc_context(buffer, kBuffer, 0, rest, ReadBytes, nullptr, nullptr);
  HW_CHECK(avformat_open_input(&input, nullptr, av_find_input_format("mpegts"), nullptr) == 0);
  HW_CHECK(avformat_find_stream_info(input, nullptr) >= 0);
  return input;
}

void Close(AVFormatContext* input) {
  AVIOContext* io = input->pb;
  avformat_close_input(&input);
  av_freep(&io->buffer);
  avio_context_free(&io);
}

}  // namespace

DemuxedByLibav DemuxWithLibav(Bytes stream) {
  DemuxedByLibav out;
  complaints = &out.complaints;
  av_log_set_callback(TakeComplaint);
  AVFormatContext* input = Open(&stream);
  const int audio = av_find_best_stream(input, AVMEDIA_TYPE_AUDIO, -1, -1, nullptr, 0);
  if (audio >= 0) out.codec = avcodec_get_name(input->streams[audio]->codecpar->codec_id);
  if (input->nb_programs > 0) {
    const AVDictionaryEntry* name =
        av_dict_get(input->programs[0]->metadata, "service_name", nullptr, 0);
    if (name != nullptr) out.service = name->value;
  }
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(input, packet) == 0) {
    if (packet->stream_index == audio) {
      out.packets.push_back({{packet->data, packet->data + packet->size}, std::nullopt});
      if (packet->pts != AV_NOPTS_VALUE) out.packets.back().pts = packet->pts;
    }
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  Close(input);
  av_log_set_callback(av_log_default_callback);
  complaints = nullptr;
  return out;
}

}  // namespace headwater
