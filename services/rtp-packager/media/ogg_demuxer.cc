#include "services/rtp-packager/media/ogg_demuxer.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace headwater {
namespace {

using namespace std::string_view_literals;  // NOLINT: for its zero bytes

constexpr std::string_view kCapture = "OggS";

bool EndsPacket(uint8_t segment) { return segment < 255; }

// Where the next page may begin in bytes of which the first begins none: at a capture pattern, or
// at the beginning of one that is cut off by the end.
size_t NextCapture(std::string_view text) {
  const size_t whole = text.find(kCapture, 1);
  if (whole != std::string_view::npos) return whole;
  for (size_t tail = kCapture.size() - 1; tail > 0; --tail) {
    if (text.size() > tail && text.ends_with(kCapture.substr(0, tail))) return text.size() - tail;
  }
  return text.size();
}

}  // namespace

OggCodec OggCodecOf(Bytes first_packet) {
  const std::string_view text = AsText(first_packet);
  if (text.starts_with("OpusHead"sv)) return OggCodec::kOpus;
  if (text.starts_with("\1vorbis"sv)) return OggCodec::kVorbis;
  if (text.starts_with("\x7f"
                       "FLAC"sv))
    return OggCodec::kFlac;
  if (text.starts_with("Speex   "sv)) return OggCodec::kSpeex;
  return OggCodec::kOther;
}

void OggDemuxer::Push(Bytes bytes) {
  if (!page_) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(position_));
    position_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (page_) {  // its bytes may have moved
    page_->segments = rest().subspan(kOggPageHeaderSize, page_->segments.size());
    page_->body = rest().subspan(page_->size - page_->body.size(), page_->body.size());
  }
}

OggStep OggDemuxer::Next() {
  while (true) {
    if (page_) {
      if (TakePacket()) return OggStep::kPacket;
      position_ += page_->size;
      if (page_->ends) serial_.reset();
      page_.reset();
    }
    const std::optional<OggPageView> page = FindPage();
    if (!page) return OggStep::kNeedBytes;
    const bool heads_over = !page->begins && std::exchange(in_heads_, false);
    if (heads_over && !serial_) return OggStep::kNoAudio;
    if (EnterPage(*page)) {
      page_ = page;
    } else {
      position_ += page->size;
    }
  }
}

std::optional<OggPageView> OggDemuxer::FindPage() {
  while (true) {
    const Bytes bytes = rest();
    const auto page = OggPageView::Parse(bytes);
    if (page.ok() && page->intact) return *page;
    if (page.ok()) {
      // All of it, though another may begin within: so each byte is summed once, whatever comes.
      Skip(page->size);
    } else if (page.error() == OggPageError::kTooFewBytes) {
      return std::nullopt;
    } else {
      Skip(NextCapture(AsText(bytes)));
    }
  }
}

void OggDemuxer::Skip(size_t count) {
  position_ += count;
  skipped_total_ += count;
  garbage_ += count;
}

bool OggDemuxer::EnterPage(const OggPageView& page) {
  if (page.begins && !BeginStream(page)) return false;
  if (serial_ != page.serial) {
    if (!any_stream_) {
      skipped_total_ += page.size;
      garbage_ += page.size;
    }
    return false;
  }
  if (!page.begins && page.sequence != sequence_ + 1) has_partial_ = false;
  sequence_ = page.sequence;
  segment_ = 0;
  offset_ = 0;
  if (!page.continued) has_partial_ = false;
  if (page.continued && !has_partial_) {
    // The end of a packet whose beginning is lost.
    while (segment_ < page.segments.size()) {
      const uint8_t size = page.segments[segment_++];
      offset_ += size;
      if (EndsPacket(size)) break;
    }
  }
  return true;
}

// True: it is the one to follow.
bool OggDemuxer::BeginStream(const OggPageView& page) {
  any_stream_ = true;
  if (!std::exchange(in_heads_, true)) {
    serial_.reset();
    has_partial_ = false;
  }
  if (serial_ || OggCodecOf(page.body) == OggCodec::kOther) return false;
  serial_ = page.serial;
  first_packet_ = true;
  return true;
}

bool OggDemuxer::TakePacket() {
  const OggPageView& page = *page_;
  const size_t begin = offset_;
  bool ended = false;
  while (!ended && segment_ < page.segments.size()) {
    const uint8_t size = page.segments[segment_++];
    offset_ += size;
    ended = EndsPacket(size);
  }
  const Bytes part = page.body.subspan(begin, offset_ - begin);
  if (!ended) {
    if (!part.empty()) Hold(part);
    return false;
  }
  packet_ = {.bytes = part,
             .first = std::exchange(first_packet_, false),
             .page_granule = page.granule,
             .page_last = std::none_of(page.segments.begin() + static_cast<ptrdiff_t>(segment_),
                                       page.segments.end(), EndsPacket),
             .page_ends_stream = page.ends};
  if (has_partial_) {
    Hold(part);
    packet_.bytes = partial_;
    packet_.cut = partial_cut_;
    has_partial_ = false;
  }
  garbage_ = 0;
  return true;
}

void OggDemuxer::Hold(Bytes part) {
  if (!std::exchange(has_partial_, true)) {
    partial_.clear();
    partial_cut_ = false;
  }
  const size_t room = kPacketMax - partial_.size();
  partial_cut_ = partial_cut_ || part.size() > room;
  const Bytes held = part.first(std::min(part.size(), room));
  partial_.insert(partial_.end(), held.begin(), held.end());
}

}  // namespace headwater
