#include "services/rtp-packager/media/opus_payload.h"

#include <optional>
#include <utility>

#include "services/common/base/check.h"

namespace headwater {
namespace {

Duration LengthOf(uint32_t samples) {
  return Duration(int64_t{samples} * 1'000'000'000 / kOpusSampleRate);
}

}  // namespace

void OpusPayloader::Push(const AudioFrameView& frame, const MediaTime& time) {
  HW_CHECK(held_.bytes.empty() && split_next_ == split_.frame_count);
  time_ = time;
  if (frame.bytes.size() <= options_.payload_max) {
    held_ = frame;
    return;
  }
  const std::optional<OpusPacketView> packet = OpusPacketView::Parse(frame.bytes);
  if (!packet.has_value()) return;  // no framer gives out such a one: a gap
  split_ = *packet;
  split_next_ = 0;
}

const RtpPayload* OpusPayloader::Next() {
  if (split_next_ < split_.frame_count) return EmitFrame();
  if (held_.bytes.empty()) return nullptr;
  const AudioFrameView frame = std::exchange(held_, {});
  payload_ = {frame.bytes, false, time_, LengthOf(frame.samples)};
  return &payload_;
}

const RtpPayload* OpusPayloader::EmitFrame() {
  const Bytes frame = split_.frames[split_next_++];
  out_.assign(1, split_.toc);
  if (frame.size() + 1 <= options_.payload_max) out_.insert(out_.end(), frame.begin(), frame.end());
  payload_ = {out_, false, time_, LengthOf(split_.frame_samples)};
  time_.timestamp = time_.timestamp + split_.frame_samples;
  time_.position += payload_.length;
  return &payload_;
}

}  // namespace headwater
