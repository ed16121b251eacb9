#include "services/rtp-packager/media/elementary_framer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "services/rtp-packager/media/audio_header.h"
#include "services/rtp-packager/media/id3_tag.h"
#include "services/rtp-packager/media/magic.h"

namespace headwater {
namespace {

constexpr size_t kId3v1Size = 128;
constexpr size_t kApeHeaderSize = 32;
// So much of an ID3v2 tag is held for its title: text frames stand in front of pictures, as a rule.
constexpr size_t kId3v2HeldMax = 32 * 1024;
// What NameOfMagic wants to see.
constexpr size_t kMagicSize = 16;

bool StartsWith(Bytes bytes, std::string_view prefix) {
  return bytes.size() >= prefix.size() && AsText(bytes.first(prefix.size())) == prefix;
}

// Some of the bytes of a tag's first word: too few to tell.
bool MayStartWith(Bytes bytes, std::string_view prefix) {
  const size_t common = std::min(bytes.size(), prefix.size());
  return AsText(bytes.first(common)) == prefix.substr(0, common);
}

// By no more bytes than the shortest header has.
bool IsTag(Bytes bytes) {
  return StartsWith(bytes, "ID3") || StartsWith(bytes, "TAG") || StartsWith(bytes, "APET");
}

// Size of the tag that `bytes` begin with; 0: there is none; nothing: too few bytes to tell.
std::optional<size_t> TagSize(Bytes bytes) {
  if (StartsWith(bytes, "TAG")) return kId3v1Size;
  if (StartsWith(bytes, "ID3")) {
    if (bytes.size() < kId3HeaderSize) return std::nullopt;
    return Id3TagSize(bytes).value_or(0);
  }
  if (StartsWith(bytes, "APETAGEX")) {
    if (bytes.size() < kApeHeaderSize) return std::nullopt;
    size_t size = 0;
    // The one little-endian length here: of items and footer.
    for (size_t i = 0; i < 4; ++i) size |= size_t{bytes[12 + i]} << (8 * i);
    return size + kApeHeaderSize;
  }
  if (MayStartWith(bytes, "ID3") || MayStartWith(bytes, "TAG") || MayStartWith(bytes, "APETAGEX")) {
    return std::nullopt;
  }
  return 0;
}

std::optional<AudioHeader> ParseHeader(Bytes bytes) {
  std::optional<AudioHeader> header = ParseMpegAudioHeader(bytes);
  return header.has_value() ? header : ParseAdtsHeader(bytes);
}

size_t HeaderSize(const AudioHeader& header) {
  return header.format.codec == AudioCodec::kAac ? kAdtsHeaderSize : kMpegAudioHeaderSize;
}

enum class Confirmation : uint8_t { kYes, kNo, kTooFewBytes };

class ElementaryFramer : public Framer {
 public:
  ElementaryFramer(std::string_view content_type, const FramerOptions& options)
      : options_(options), content_type_(content_type) {}

  void Push(Bytes bytes) override {
    if (!error_.empty()) return;
    DropFrame();
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(position_));
    position_ = 0;
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }

  void Finish() override {
    DropFrame();
    finished_ = true;
  }

  FramerStep Next() override {
    DropFrame();
    while (error_.empty()) {
      if (!SkipTags()) break;
      if (std::exchange(title_is_new_, false)) return FramerStep::kTitle;
      if (const std::optional<FramerStep> step = synced_ ? NextInSync() : Search()) return *step;
    }
    return error_.empty() ? FramerStep::kNeedBytes : FramerStep::kError;
  }

  const AudioFormat& format() const override { return format_; }
  const AudioFrameView& frame() const override { return frame_; }
  StreamTitle title() const override { return title_; }
  const std::string& error() const override { return error_; }
  bool unsupported() const override { return unsupported_; }
  uint64_t skipped_total() const override { return skipped_total_; }

 private:
  Bytes rest() const { return Bytes(buffer_).subspan(position_); }

  void DropFrame() {
    position_ += frame_size_;
    frame_size_ = 0;
  }

  // False: more bytes are needed, or there was an error. Tags stand where a frame may begin: at the
  // start and behind a frame, never within garbage.
  bool SkipTags() {
    while (true) {
      SkipTagBytes();
      if (tag_left_ > 0) return false;
      TakeTitle();
      if (!synced_ && !at_start_) return true;
      const std::optional<size_t> size = TagSize(rest());
      if (!size.has_value()) return finished_;
      if (*size == 0) return true;
      if (*size > options_.tag_max) {
        Fail(fmt::format("a tag of {} bytes, {} at most are skipped", *size, options_.tag_max));
        return false;
      }
      tag_left_ = *size;
      tag_is_id3v2_ = StartsWith(rest(), "ID3");
    }
  }

  void SkipTagBytes() {
    const Bytes step = rest().first(std::min(tag_left_, rest().size()));
    if (tag_is_id3v2_) {
      const Bytes held = step.first(std::min(step.size(), kId3v2HeldMax - tag_.size()));
      tag_.insert(tag_.end(), held.begin(), held.end());
    }
    position_ += step.size();
    tag_left_ -= step.size();
  }

  void TakeTitle() {
    if (tag_.empty()) return;
    const std::optional<StreamTitle> title = ParseId3Title(tag_);
    tag_.clear();
    if (!title.has_value() || *title == title_) return;
    title_ = *title;
    title_is_new_ = true;
  }

  // Whether what follows the frame that begins at `bytes` is a header too. While searching it must
  // be one of the same stream; two of those by chance in compressed data are less likely than one
  // in 2^28.
  Confirmation Confirm(const AudioHeader& header, Bytes bytes) const {
    const size_t wanted = header.size + HeaderSize(header);
    if (bytes.size() < wanted) {
      if (!finished_) return Confirmation::kTooFewBytes;
      // In sync the end confirms a frame; while searching, a length that fits by chance must not.
      return synced_ && bytes.size() >= header.size ? Confirmation::kYes : Confirmation::kNo;
    }
    const Bytes next = bytes.subspan(header.size);
    if (IsTag(next)) return Confirmation::kYes;
    const std::optional<AudioHeader> following = ParseHeader(next);
    if (!following.has_value()) return Confirmation::kNo;
    return synced_ || following->format.SameStream(header.format) ? Confirmation::kYes
                                                                  : Confirmation::kNo;
  }

  std::optional<FramerStep> NextInSync() {
    const Bytes bytes = rest();
    const std::optional<AudioHeader> header = ParseHeader(bytes);
    if (!header.has_value() || !header->format.SameStream(format_)) {
      if (bytes.size() < kAdtsHeaderSize && !finished_) return FramerStep::kNeedBytes;
      synced_ = false;
      return std::nullopt;
    }
    switch (Confirm(*header, bytes)) {
      case Confirmation::kTooFewBytes:
        return FramerStep::kNeedBytes;
      case Confirmation::kNo:
        synced_ = false;
        return std::nullopt;
      case Confirmation::kYes:
        break;
    }
    return TakeFrame(*header);
  }

  std::optional<FramerStep> TakeFrame(const AudioHeader& header) {
    if (header.unsupported != nullptr) {
      unsupported_ = true;
      Fail(fmt::format("{} cannot be sent", header.unsupported));
      return FramerStep::kError;
    }
    const Bytes whole = rest().first(header.size);
    if (header.format.codec == AudioCodec::kMpegAudio && IsMpegInfoFrame(whole)) {
      position_ += header.size;
      return std::nullopt;
    }
    garbage_ = 0;
    frame_ = {whole.subspan(header.header_size), header.format.frame_samples,
              header.format.sample_rate};
    frame_size_ = header.size;
    return FramerStep::kFrame;
  }

  // Looks for the first confirmed header. A candidate whose confirmation has not come yet does not
  // hide a confirmed one behind it, so that a chance sync pattern with a large length costs no
  // time.
  std::optional<FramerStep> Search() {
    const Bytes bytes = rest();
    if (at_start_) {
      if (bytes.size() < kMagicSize && !finished_) return FramerStep::kNeedBytes;
      // Behind a tag, which hides it from whoever chose this framer.
      if (const std::string_view name = NameOfMagic(bytes); !name.empty()) {
        unsupported_ = ContainerOf(bytes, true) == Container::kUnsupported;
        Fail(fmt::format("{}: only MPEG audio, AAC and Opus can be sent (content type \"{}\")",
                         name, content_type_));
        return FramerStep::kError;
      }
      at_start_ = false;
    }
    std::optional<size_t> undecided;
    size_t offset = 0;
    for (; offset + kMpegAudioHeaderSize <= bytes.size(); ++offset) {
      const Bytes candidate = bytes.subspan(offset);
      if (candidate[0] != 0xff) continue;
      const std::optional<AudioHeader> header = ParseHeader(candidate);
      if (!header.has_value()) {
        // The first bytes of an ADTS header: four of seven pass no parser.
        if (candidate.size() >= kAdtsHeaderSize) continue;
        break;
      }
      const Confirmation confirmation = Confirm(*header, candidate);
      if (confirmation == Confirmation::kYes) return TakeSync(*header, offset);
      if (confirmation == Confirmation::kTooFewBytes && !undecided) undecided = offset;
    }
    if (finished_) offset = bytes.size();
    SkipGarbage(undecided.value_or(offset));
    return error_.empty() ? FramerStep::kNeedBytes : FramerStep::kError;
  }

  std::optional<FramerStep> TakeSync(const AudioHeader& header, size_t offset) {
    SkipGarbage(offset);
    if (!error_.empty()) return FramerStep::kError;
    // Its bit rate is not that of the sound, so it must not make the format.
    if (header.format.codec == AudioCodec::kMpegAudio &&
        IsMpegInfoFrame(rest().first(header.size))) {
      position_ += header.size;
      return std::nullopt;
    }
    synced_ = true;
    if (has_format_ && header.format.SameStream(format_)) return std::nullopt;
    if (header.unsupported != nullptr) return TakeFrame(header);
    has_format_ = true;
    format_ = header.format;
    return FramerStep::kFormat;
  }

  void SkipGarbage(size_t count) {
    position_ += count;
    skipped_total_ += count;
    garbage_ += count;
    if (garbage_ > options_.garbage_max) {
      Fail(fmt::format("neither MPEG audio nor AAC in {} bytes (content type \"{}\")", garbage_,
                       content_type_));
    }
  }

  void Fail(std::string error) {
    error_ = std::move(error);
    buffer_.clear();
    position_ = 0;
  }

  FramerOptions options_;
  std::string content_type_;

  std::vector<uint8_t> buffer_;
  size_t position_ = 0;    // what is before it is done with
  size_t frame_size_ = 0;  // of the frame given out, still in the buffer
  size_t tag_left_ = 0;
  bool tag_is_id3v2_ = false;
  std::vector<uint8_t> tag_;  // its beginning, when it is ID3v2
  StreamTitle title_;
  bool title_is_new_ = false;
  size_t garbage_ = 0;  // since the last frame
  uint64_t skipped_total_ = 0;
  bool at_start_ = true;
  bool synced_ = false;
  bool finished_ = false;
  bool has_format_ = false;
  AudioFormat format_;
  AudioFrameView frame_;
  std::string error_;
  bool unsupported_ = false;
};

}  // namespace

std::unique_ptr<Framer> MakeElementaryFramer(std::string_view content_type,
                                             const FramerOptions& options) {
  return std::make_unique<ElementaryFramer>(content_type, options);
}

}  // namespace headwater
