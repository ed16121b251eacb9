#include "services/rtp-packager/media/mp4_framer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "services/common/wire/byte_reader.h"
#include "services/rtp-packager/media/id3_tag.h"
#include "services/rtp-packager/media/mp4_box.h"
#include "services/rtp-packager/media/opus_packet.h"

namespace headwater {
namespace {

constexpr uint64_t kIndexBytesMax = 4 * 1024 * 1024;
constexpr uint64_t kMessageBytesMax = 64 * 1024;

class Mp4Framer : public Framer {
 public:
  explicit Mp4Framer(std::string_view content_type) : content_type_(content_type) {}

  void Push(Bytes bytes) override {
    if (!error_.empty()) return;
    DropFrame();
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    buffer_begin_ += at_;
    at_ = 0;
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }

  // Boxes tell their lengths: what has not come whole is nothing.
  void Finish() override { DropFrame(); }

  FramerStep Next() override {
    DropFrame();
    while (error_.empty()) {
      if (const auto step = Advance()) return *step;
    }
    return FramerStep::kError;
  }

  const AudioFormat& format() const override { return track_.format; }
  const AudioFrameView& frame() const override { return frame_; }
  StreamTitle title() const override { return title_; }
  const std::string& error() const override { return error_; }
  bool unsupported() const override { return unsupported_; }
  uint64_t skipped_total() const override { return skipped_total_; }

 private:
  enum class State : uint8_t { kHeader, kWhole, kMedia, kSkip };

  Bytes rest() const { return Bytes(buffer_).subspan(at_); }
  uint64_t position() const { return buffer_begin_ + at_; }

  void DropFrame() { Take(std::exchange(frame_bytes_, 0)); }
  void Take(size_t count) {
    at_ += count;
    if (state_ != State::kHeader) box_left_ -= count;
  }
  // Nothing: go on.
  std::optional<FramerStep> Advance() {
    switch (state_) {
      case State::kHeader:
        return ReadHeader();
      case State::kWhole:
        return ReadWhole();
      case State::kMedia:
        return ReadMedia();
      case State::kSkip:
        break;
    }
    return Skip(box_left_);
  }

  std::optional<FramerStep> ReadHeader() {
    ByteReader reader(rest());
    uint64_t size = reader.U32();
    box_ = reader.U32();
    if (size == 1) size = reader.U64();
    if (!reader.ok()) return FramerStep::kNeedBytes;
    box_begin_ = position();
    const size_t header = reader.position();
    if (size == 0) size = UINT64_MAX;  // to the end of the file
    if (size < header) return Fail("a box shorter than its header");
    Take(header);
    box_left_ = size - header;
    state_ = StateOf(box_);
    if (state_ == State::kWhole && box_ == Mp4Type("emsg") && box_left_ > kMessageBytesMax) {
      state_ = State::kSkip;
    }
    if (state_ == State::kWhole && box_left_ > kIndexBytesMax) {
      return Fail(
          fmt::format("an index of {} bytes, {} at most are read", box_left_, kIndexBytesMax));
    }
    return std::nullopt;
  }

  static State StateOf(uint32_t type) {
    if (type == Mp4Type("mdat")) return State::kMedia;
    const bool whole =
        type == Mp4Type("moov") || type == Mp4Type("moof") || type == Mp4Type("emsg");
    return whole ? State::kWhole : State::kSkip;
  }

  std::optional<FramerStep> Skip(uint64_t count) {
    const auto taken = static_cast<size_t>(std::min<uint64_t>(count, rest().size()));
    Take(taken);
    if (box_left_ == 0) {
      state_ = State::kHeader;
      return std::nullopt;
    }
    return taken < count ? std::optional(FramerStep::kNeedBytes) : std::nullopt;
  }

  std::optional<FramerStep> ReadWhole() {
    if (rest().size() < box_left_) return FramerStep::kNeedBytes;
    const Bytes body = rest().first(static_cast<size_t>(box_left_));
    Take(body.size());
    state_ = State::kHeader;
    if (box_ == Mp4Type("moov")) return ReadMovie(body);
    if (box_ == Mp4Type("moof")) return ReadFragment(body);
    const auto title = ParseId3Title(Mp4Id3Message(body));
    if (!title || *title == title_) return std::nullopt;
    title_ = *title;
    return FramerStep::kTitle;
  }

  std::optional<FramerStep> ReadMovie(Bytes body) {
    Mp4Movie movie = ParseMp4Movie(body);
    if (movie.error != Mp4Error::kNone) return Fail(std::string(ToString(movie.error)));
    if (!movie.track.unsupported.empty()) {
      unsupported_ = true;
      return Fail(fmt::format("{} cannot be sent", movie.track.unsupported));
    }
    SetSamples(std::move(movie.samples));
    const bool same = has_movie_ && movie.track.format.SameStream(track_.format);
    has_movie_ = true;
    track_ = std::move(movie.track);
    return same ? std::nullopt : std::optional(FramerStep::kFormat);
  }

  std::optional<FramerStep> ReadFragment(Bytes body) {
    if (!has_movie_) return Fail("fragments of MP4 without what comes before them (no moov box)");
    std::vector<Mp4Sample> samples;
    const Mp4Error error = ParseMp4Fragment(body, box_begin_, track_, samples);
    if (error != Mp4Error::kNone) return Fail(std::string(ToString(error)));
    SetSamples(std::move(samples));
    return std::nullopt;
  }

  // What an earlier index named and has not come is gone.
  void SetSamples(std::vector<Mp4Sample> samples) {
    samples_ = std::move(samples);
    next_sample_ = 0;
  }

  std::optional<FramerStep> ReadMedia() {
    if (!has_movie_) return Fail("MP4 whose index comes after its media");
    if (next_sample_ == samples_.size() ||
        samples_[next_sample_].offset - position() >= box_left_) {
      // Nothing of ours in what is left, or nothing that is still to come.
      if (next_sample_ < samples_.size() && samples_[next_sample_].offset < position()) {
        return Fail("MP4 whose samples do not follow each other");
      }
      return Skip(box_left_);
    }
    const Mp4Sample& sample = samples_[next_sample_];
    if (sample.offset > position()) return Skip(sample.offset - position());
    if (sample.size > kMp4SampleBytesMax || sample.size > box_left_) {
      return Fail(fmt::format("a sample of {} bytes", sample.size));
    }
    if (rest().size() < sample.size) return FramerStep::kNeedBytes;
    ++next_sample_;
    return GiveFrame(rest().first(sample.size));
  }

  std::optional<FramerStep> GiveFrame(Bytes bytes) {
    uint32_t samples = track_.format.frame_samples;
    if (track_.format.codec == AudioCodec::kOpus) {
      const auto packet = OpusPacketView::Parse(bytes);
      samples = packet ? packet->samples() : 0;
    }
    if (bytes.empty() || samples == 0) {
      skipped_total_ += bytes.size();
      Take(bytes.size());
      if (box_left_ == 0) state_ = State::kHeader;
      return std::nullopt;
    }
    frame_ = {bytes, samples, track_.format.sample_rate};
    frame_bytes_ = bytes.size();
    return FramerStep::kFrame;
  }

  FramerStep Fail(std::string error) {
    error_ = fmt::format("{} (content type \"{}\")", error, content_type_);
    buffer_ = {};
    samples_ = {};
    at_ = 0;
    return FramerStep::kError;
  }

  const std::string content_type_;
  std::vector<uint8_t> buffer_;
  size_t at_ = 0;              // what is before it is done with
  uint64_t buffer_begin_ = 0;  // of the buffer in the stream
  size_t frame_bytes_ = 0;     // of the frame given out, still in the buffer
  State state_ = State::kHeader;
  uint32_t box_ = 0;
  uint64_t box_begin_ = 0;  // of its header in the stream
  uint64_t box_left_ = 0;
  bool has_movie_ = false;
  Mp4Track track_;
  std::vector<Mp4Sample> samples_;
  size_t next_sample_ = 0;
  AudioFrameView frame_;
  StreamTitle title_;
  uint64_t skipped_total_ = 0;
  bool unsupported_ = false;
  std::string error_;
};

}  // namespace

std::unique_ptr<Framer> MakeMp4Framer(std::string_view content_type, const FramerOptions&) {
  return std::make_unique<Mp4Framer>(content_type);
}

}  // namespace headwater
