#include "services/rtp-packager/media/ogg_framer.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "services/common/wire/byte_reader.h"
#include "services/rtp-packager/media/ogg_demuxer.h"
#include "services/rtp-packager/media/opus_packet.h"
#include "services/rtp-packager/media/vorbis_comment.h"

namespace headwater {
namespace {

constexpr size_t kMagicSize = 8;  // "OpusHead", "OpusTags"
// Above it, positions could overflow; 3 million years of samples.
constexpr int64_t kGranuleMax = int64_t{1} << 62;

struct OpusHead {
  uint8_t channels = 0;
  bool one_stream = false;  // its packets are plain Opus of one or two channels
};

// RFC 7845 section 5.1: "OpusHead"| version: 8| channels: 8| pre-skip: 16| rate: 32| gain: 16|
// mapping family: 8| and but for family 0: streams: 8| coupled: 8| a byte for each channel
std::optional<OpusHead> ParseOpusHead(Bytes packet) {
  ByteReader reader(packet);
  reader.Skip(kMagicSize);
  const uint8_t version = reader.U8();
  OpusHead head;
  head.channels = reader.U8();
  reader.Skip(2 + 4 + 2);
  const uint8_t family = reader.U8();
  const uint8_t streams = family == 0 ? 1 : reader.U8();
  if (!reader.ok() || (version & 0xf0) != 0 || head.channels == 0) return std::nullopt;
  head.one_stream = streams == 1 && head.channels <= 2;
  return head;
}

std::string_view NameOf(OggCodec codec) {
  switch (codec) {
    case OggCodec::kVorbis:
      return "Ogg Vorbis";
    case OggCodec::kFlac:
      return "Ogg FLAC";
    case OggCodec::kSpeex:
      return "Ogg Speex";
    case OggCodec::kOpus:
    case OggCodec::kOther:
      break;
  }
  return "Ogg";
}

class OggFramer : public Framer {
 public:
  OggFramer(std::string_view content_type, const FramerOptions& options)
      : options_(options), content_type_(content_type) {}

  void Push(Bytes bytes) override {
    if (error_.empty()) demuxer_.Push(bytes);
  }

  // What waits for more bytes is a page that is cut off.
  void Finish() override {}

  FramerStep Next() override {
    while (error_.empty()) {
      switch (demuxer_.Next()) {
        case OggStep::kNeedBytes:
          if (demuxer_.garbage() <= options_.garbage_max) return FramerStep::kNeedBytes;
          Fail(fmt::format("nothing of Ogg that begins in {} bytes", demuxer_.garbage()));
          break;
        case OggStep::kNoAudio:
          Refuse("Ogg without audio that is known");
          break;
        case OggStep::kPacket:
          if (const std::optional<FramerStep> step = OnPacket(demuxer_.packet())) return *step;
      }
    }
    return FramerStep::kError;
  }

  const AudioFormat& format() const override { return format_; }
  const AudioFrameView& frame() const override { return frame_; }
  StreamTitle title() const override { return title_; }
  const std::string& error() const override { return error_; }
  bool unsupported() const override { return unsupported_; }
  uint64_t skipped_total() const override { return demuxer_.skipped_total() + dropped_; }

 private:
  std::optional<FramerStep> OnPacket(const OggPacket& packet) {
    if (packet.first) return OnHead(packet);
    if (AsText(packet.bytes).starts_with("OpusTags")) return OnTags(packet.bytes);
    return OnAudio(packet);
  }

  std::optional<FramerStep> OnHead(const OggPacket& packet) {
    position_.reset();
    const OggCodec codec = OggCodecOf(packet.bytes);
    if (codec != OggCodec::kOpus) {
      Refuse(NameOf(codec));
      return std::nullopt;
    }
    const std::optional<OpusHead> head = ParseOpusHead(packet.bytes);
    if (!head || !head->one_stream) {
      Refuse(head ? fmt::format("Ogg Opus of {} channels", head->channels)
                  : "Ogg Opus with a header that is not known");
      return std::nullopt;
    }
    if (format_.sample_rate != 0) return std::nullopt;
    format_ = OpusFormat(head->channels);
    return FramerStep::kFormat;
  }

  // A link without a title ends that of the link before.
  std::optional<FramerStep> OnTags(Bytes packet) {
    StreamTitle title = ParseVorbisComment(packet.subspan(kMagicSize));
    if (title == title_) return std::nullopt;
    title_ = std::move(title);
    return FramerStep::kTitle;
  }

  std::optional<FramerStep> OnAudio(const OggPacket& packet) {
    const auto opus = packet.cut ? std::nullopt : OpusPacketView::Parse(packet.bytes);
    const bool behind_end =
        packet.page_ends_stream && position_ && *position_ >= packet.page_granule;
    if (position_ && opus) *position_ += opus->samples();
    if (packet.page_last) {
      const bool sane = packet.page_granule >= 0 && packet.page_granule <= kGranuleMax;
      position_ = sane ? std::optional(packet.page_granule) : std::nullopt;
    }
    if (!opus || behind_end) {
      dropped_ += packet.bytes.size();
      return std::nullopt;
    }
    frame_ = {packet.bytes, opus->samples(), kOpusSampleRate};
    return FramerStep::kFrame;
  }

  void Refuse(std::string_view what) {
    unsupported_ = true;
    Fail(fmt::format("{}: only MPEG audio, AAC and Opus can be sent", what));
  }

  void Fail(std::string_view text) {
    error_ = fmt::format("{} (content type \"{}\")", text, content_type_);
  }

  const FramerOptions options_;
  const std::string content_type_;
  OggDemuxer demuxer_;
  AudioFormat format_;
  AudioFrameView frame_;
  StreamTitle title_;
  // Granule where the next packet begins, as far as pages have told.
  std::optional<int64_t> position_;
  uint64_t dropped_ = 0;
  std::string error_;
  bool unsupported_ = false;
};

}  // namespace

std::unique_ptr<Framer> MakeOggFramer(std::string_view content_type, const FramerOptions& options) {
  return std::make_unique<OggFramer>(content_type, options);
}

}  // namespace headwater
