#include "services/rtp-packager/transcode/media_reader.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "services/rtp-packager/media/magic.h"

namespace headwater::packager {
namespace {

using namespace std::string_view_literals;  // NOLINT: magics hold zero bytes

constexpr int kBufferSize = 4096;
constexpr unsigned kStreamsMax = 32;
// Where a demuxer looks for anything by itself (the tables of a transport stream), it looks no
// further than this.
constexpr int64_t kProbeSize = 64 * 1024;
// Packets of another audio stream after which the chosen one is taken for gone.
constexpr int kOthersMax = 50;
// Packets without any audio that can be decoded.
constexpr int kForeignMax = 1000;

struct Demuxer {
  size_t offset;
  std::string_view magic;
  const char* name;
};

// All demuxers that are open to the world, by what a stream begins with.
constexpr std::array kDemuxers = std::to_array<Demuxer>({
    {0, "OggS"sv, "ogg"},
    {0, "fLaC"sv, "flac"},
    {0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"sv, "asf"},
    {0, "RIFF"sv, "wav"},
    {0, "FORM"sv, "aiff"},
    {4, "ftyp"sv, "mov"},
    {0, "\x1a\x45\xdf\xa3"sv, "matroska"},
    {0, "FLV\x01"sv, "flv"},
    {0, "wvpk"sv, "wv"},
    {0, "caff"sv, "caf"},
    {0, ".snd"sv, "au"},
    {0, "\x0b\x77"sv, "ac3"},
});

const char* DemuxerFor(Bytes head) {
  const std::string_view text = AsText(head);
  for (const Demuxer& each : kDemuxers) {
    if (text.size() >= each.offset && text.substr(each.offset).starts_with(each.magic)) {
      return each.name;
    }
  }
  switch (ContainerOf(head, true).value_or(Container::kElementary)) {
    case Container::kTransportStream:
      return "mpegts";
    case Container::kLoas:
      return "loas";
    default:
      break;
  }
  // AAC in ADTS (ISO 14496-3 section 1.A.2.2): twelve bits of sync, layer 0.
  const bool adts = head.size() >= 2 && head[0] == 0xff && (head[1] & 0xf6) == 0xf0;
  return adts ? "aac" : nullptr;
}

int RefuseToOpen(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EACCES);
}

std::string ErrorText(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof(text));
  return text;
}

StreamTitle TitleOf(const AVDictionary* tags) {
  const auto tag = [&](const char* name) -> std::string_view {
    const AVDictionaryEntry* entry = av_dict_get(tags, name, nullptr, 0);
    return entry == nullptr ? "" : entry->value;
  };
  return JoinTitle(tag("artist"), tag("title"));
}

}  // namespace

int MediaReader::ReadMore(uint8_t* to, int size) {
  if (head_given_ == head_.size()) {
    const int got = read_(to, size);
    return got > 0 ? got : got == 0 ? AVERROR_EOF : AVERROR_EXIT;
  }
  const size_t count = std::min(head_.size() - head_given_, static_cast<size_t>(size));
  std::copy_n(head_.begin() + static_cast<ptrdiff_t>(head_given_), count, to);
  head_given_ += count;
  return static_cast<int>(count);
}

const AVInputFormat* MediaReader::ChooseFormat() {
  bool complete = false;
  while (!ContainerOf(head_, complete)) {
    const size_t size = head_.size();
    head_.resize(kMagicBytesMax);
    const int got = read_(head_.data() + size, static_cast<int>(kMagicBytesMax - size));
    head_.resize(size + static_cast<size_t>(std::max(got, 0)));
    if (got <= 0) complete = true;
  }
  const char* name = DemuxerFor(head_);
  return name == nullptr ? nullptr : av_find_input_format(name);
}

absl::Status MediaReader::Open() {
  const AVInputFormat* input = ChooseFormat();
  if (input == nullptr) {
    return absl::FailedPreconditionError("no container that can be transcoded");
  }
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferSize));
  io_.reset(avio_alloc_context(
      buffer, kBufferSize, 0, this,
      [](void* self, uint8_t* to, int size) {
        return static_cast<MediaReader*>(self)->ReadMore(to, size);
      },
      nullptr, nullptr));
  if (!io_) {
    av_free(buffer);
    return absl::ResourceExhaustedError("no memory to read media");
  }
  io_->seekable = 0;
  AVFormatContext* format = avformat_alloc_context();
  if (format == nullptr) return absl::ResourceExhaustedError("no memory to read media");
  format->pb = io_.get();
  format->flags |= AVFMT_FLAG_CUSTOM_IO;
  format->io_open = RefuseToOpen;
  format->interrupt_callback = {
      [](void* self) { return static_cast<MediaReader*>(self)->stopped_() ? 1 : 0; }, this};
  format->protocol_whitelist = av_strdup("none");
  format->format_whitelist = av_strdup(input->name);
  format->probesize = kProbeSize;
  format->max_streams = kStreamsMax;
  // Frees `format` where it fails.
  const int error = avformat_open_input(&format, nullptr, input, nullptr);
  if (error < 0) {
    return absl::FailedPreconditionError(absl::StrCat(input->name, ": ", ErrorText(error)));
  }
  format_.reset(format);
  packet_.reset(av_packet_alloc());
  return absl::OkStatus();
}

bool MediaReader::Choose(const AVPacket& packet) {
  if (packet.stream_index == stream_ && decoder_->id == parameters().codec_id) {
    others_ = 0;
    return true;
  }
  AVStream& stream = *format_->streams[packet.stream_index];
  const AllowedDecoder* decoder = stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO
                                      ? FindAllowedDecoder(stream.codecpar->codec_id)
                                      : nullptr;
  ++others_;
  if (decoder == nullptr) return false;
  if (stream_ >= 0 && packet.stream_index != stream_ && others_ < kOthersMax) return false;
  stream_ = packet.stream_index;
  decoder_ = decoder;
  others_ = 0;
  return true;
}

absl::StatusOr<AVPacket*> MediaReader::Next() {
  while (others_ < kForeignMax) {
    av_packet_unref(packet_.get());
    const int error = av_read_frame(format_.get(), packet_.get());
    if (error == AVERROR_EOF || error == AVERROR_EXIT) return nullptr;
    if (error == AVERROR(EAGAIN)) {
      ++others_;
      continue;
    }
    if (error < 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(format_->iformat->name, ": ", ErrorText(error)));
    }
    if (Choose(*packet_)) return packet_.get();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(format_->iformat->name, ": no audio that can be decoded"));
}

std::optional<StreamTitle> MediaReader::TakeTitle() {
  AVStream& stream = *format_->streams[stream_];
  StreamTitle title = TitleOf(stream.metadata);
  if (title.title.empty()) title = TitleOf(format_->metadata);
  if (title.title.empty() || title == title_) return std::nullopt;
  title_ = title;
  return title;
}

}  // namespace headwater::packager
