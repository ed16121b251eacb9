#include "services/rtp-packager/media/loas_framer.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "services/rtp-packager/media/latm.h"

namespace headwater {
namespace {

constexpr size_t kHeaderSize = 3;

// AudioSyncStream, table 1.36: sync 0x2b7: 11| length of the element: 13. Nothing: no sync.
std::optional<size_t> ElementSize(Bytes bytes) {
  if (bytes[0] != 0x56 || (bytes[1] & 0xe0) != 0xe0) return std::nullopt;
  return (size_t{bytes[1]} & 0x1f) << 8 | bytes[2];
}

class LoasFramer : public Framer {
 public:
  LoasFramer(std::string_view content_type, const FramerOptions& options)
      : options_(options), content_type_(content_type) {}

  void Push(Bytes bytes) override {
    if (!error_.empty()) return;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(position_));
    position_ = 0;
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }

  void Finish() override { finished_ = true; }

  FramerStep Next() override {
    while (error_.empty()) {
      if (unit_next_ < latm_.unit_count()) return TakeUnit();
      if (!FindElement()) return error_.empty() ? FramerStep::kNeedBytes : FramerStep::kError;
      const Bytes element = rest().subspan(kHeaderSize, *ElementSize(rest()));
      position_ += kHeaderSize + element.size();
      ReadElement(element);
    }
    return FramerStep::kError;
  }

  const AudioFormat& format() const override { return format_; }
  const AudioFrameView& frame() const override { return frame_; }
  const std::string& error() const override { return error_; }
  bool unsupported() const override { return unsupported_; }
  uint64_t skipped_total() const override { return skipped_total_; }

 private:
  Bytes rest() const { return Bytes(buffer_).subspan(position_); }

  // Skips to an element that is whole and followed by another one, or by the end.
  bool FindElement() {
    while (rest().size() >= kHeaderSize) {
      const std::optional<size_t> size = ElementSize(rest());
      if (!size) {
        Skip(1);
        if (!error_.empty()) return false;
        continue;
      }
      const size_t whole = kHeaderSize + *size;
      const bool confirmable = rest().size() >= whole + kHeaderSize;
      if (!confirmable) return finished_ && synced_ && rest().size() >= whole;
      synced_ = ElementSize(rest().subspan(whole)).has_value();
      if (synced_) return true;
      Skip(1);
      if (!error_.empty()) return false;
    }
    return false;
  }

  void ReadElement(Bytes element) {
    unit_next_ = 0;
    switch (latm_.Read(element)) {
      case LatmStep::kUnits:
        garbage_ = 0;
        return;
      case LatmStep::kNoConfig:
      case LatmStep::kBroken:
        Count(kHeaderSize + element.size());
        unit_next_ = latm_.unit_count();
        return;
      case LatmStep::kUnsupported:
        unsupported_ = true;
        Fail(fmt::format("AAC in LATM with {} cannot be sent", latm_.unsupported()));
    }
  }

  FramerStep TakeUnit() {
    if (format_ != latm_.format()) {
      format_ = latm_.format();
      return FramerStep::kFormat;
    }
    frame_ = {latm_.unit(unit_next_++), format_.frame_samples, format_.sample_rate};
    return FramerStep::kFrame;
  }

  void Skip(size_t count) {
    position_ += count;
    Count(count);
  }

  void Count(size_t bytes) {
    skipped_total_ += bytes;
    garbage_ += bytes;
    if (garbage_ > options_.garbage_max) {
      Fail(fmt::format("no AAC in LATM in {} bytes", garbage_));
    }
  }

  void Fail(std::string_view text) {
    error_ = fmt::format("{} (content type \"{}\")", text, content_type_);
  }

  const FramerOptions options_;
  const std::string content_type_;
  std::vector<uint8_t> buffer_;
  size_t position_ = 0;  // what is before it is done with
  LatmReader latm_;
  size_t unit_next_ = 0;
  size_t garbage_ = 0;  // since the last unit
  uint64_t skipped_total_ = 0;
  bool synced_ = false;
  bool finished_ = false;
  AudioFormat format_;
  AudioFrameView frame_;
  std::string error_;
  bool unsupported_ = false;
};

}  // namespace

std::unique_ptr<Framer> MakeLoasFramer(std::string_view content_type,
                                       const FramerOptions& options) {
  return std::make_unique<LoasFramer>(content_type, options);
}

}  // namespace headwater
