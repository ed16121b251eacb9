#include "services/rtp-packager/media/framer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "services/rtp-packager/media/elementary_framer.h"
#include "services/rtp-packager/media/loas_framer.h"
#include "services/rtp-packager/media/magic.h"
#include "services/rtp-packager/media/mp4_framer.h"
#include "services/rtp-packager/media/ogg_framer.h"
#include "services/rtp-packager/media/ts_framer.h"
#include "services/rtp-packager/media/ts_pes.h"

namespace headwater {
namespace {

constexpr size_t kContentTypeMax = 64;

std::string PrintableStart(std::string_view content_type) {
  std::string out;
  for (const char letter : content_type.substr(0, kContentTypeMax)) {
    out += letter >= 0x20 && letter < 0x7f ? letter : '?';
  }
  return out;
}

// Four packets of the largest kind hold three that begin.
constexpr size_t kTransportStreamBytes = 4 * 204;

bool SaysTransportStream(std::string_view content_type) {
  constexpr std::string_view kType = "video/mp2t";
  return content_type.size() >= kType.size() &&
         std::equal(kType.begin(), kType.end(), content_type.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

// Waits for enough bytes to tell the container, then leaves all to that container's framer.
class SniffingFramer : public Framer {
 public:
  SniffingFramer(std::string_view content_type, const FramerOptions& options)
      : content_type_(PrintableStart(content_type)), options_(options) {}

  void Push(Bytes bytes) override {
    if (framer_) return framer_->Push(bytes);
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    Choose(false);
  }

  void Finish() override {
    if (!framer_) Choose(true);
    if (framer_) framer_->Finish();
  }

  FramerStep Next() override {
    if (framer_) return framer_->Next();
    return error_.empty() ? FramerStep::kNeedBytes : FramerStep::kError;
  }

  const AudioFormat& format() const override { return framer_->format(); }
  const AudioFrameView& frame() const override { return framer_->frame(); }
  StreamTitle title() const override { return framer_->title(); }
  const std::string& error() const override { return framer_ ? framer_->error() : error_; }
  bool unsupported() const override { return framer_ ? framer_->unsupported() : unsupported_; }
  uint64_t skipped_total() const override { return framer_ ? framer_->skipped_total() : 0; }

 private:
  void Choose(bool complete) {
    if (!error_.empty()) return held_.clear();
    std::optional<Container> container = ContainerOf(held_, complete);
    if (!container) return;
    // A server that passes on a live stream may begin within a packet. Its word alone is no proof.
    if (container == Container::kElementary && SaysTransportStream(content_type_)) {
      if (!complete && held_.size() < kTransportStreamBytes) return;
      if (TsPacketSync::Find(held_)) container = Container::kTransportStream;
    }
    framer_ = Make(*container);
    if (!framer_) {
      unsupported_ = *container != Container::kNotMedia;
      error_ = fmt::format("{}: only MPEG audio, AAC and Opus can be sent (content type \"{}\")",
                           NameOfMagic(held_), content_type_);
      return held_.clear();
    }
    framer_->Push(held_);
    held_ = {};
  }

  // Nothing where there is no framer for it.
  std::unique_ptr<Framer> Make(Container container) const {
    switch (container) {
      case Container::kElementary:
        return MakeElementaryFramer(content_type_, options_);
      case Container::kOgg:
        return MakeOggFramer(content_type_, options_);
      case Container::kTransportStream:
        return MakeTsFramer(content_type_, options_);
      case Container::kLoas:
        return MakeLoasFramer(content_type_, options_);
      case Container::kMp4:
        return MakeMp4Framer(content_type_, options_);
      case Container::kUnsupported:
      case Container::kNotMedia:
        break;
    }
    return nullptr;
  }

  const std::string content_type_;
  const FramerOptions options_;
  std::vector<uint8_t> held_;  // until the container is known
  std::unique_ptr<Framer> framer_;
  std::string error_;
  bool unsupported_ = false;
};

}  // namespace

std::unique_ptr<Framer> MakeFramer(std::string_view content_type, const FramerOptions& options) {
  return std::make_unique<SniffingFramer>(content_type, options);
}

}  // namespace headwater
