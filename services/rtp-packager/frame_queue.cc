#include "services/rtp-packager/frame_queue.h"

#include "services/common/base/check.h"

namespace headwater::packager {

Duration FrameQueue::LengthOf(uint32_t samples, uint32_t sample_rate) {
  return Duration(int64_t{samples} * 1'000'000'000 / sample_rate);
}

void FrameQueue::Push(const AudioFrameView& frame) {
  // What has been played is cut off when it is the larger half: each byte is moved once at most, on
  // average.
  if (bytes_first_ > bytes_.size() / 2) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(bytes_first_));
    bytes_first_ = 0;
  }
  if (first_ > frames_.size() / 2) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
  bytes_.insert(bytes_.end(), frame.bytes.begin(), frame.bytes.end());
  frames_.push_back({frame.bytes.size(), frame.samples, frame.sample_rate});
  octets_ += frame.bytes.size();
  length_ += LengthOf(frame.samples, frame.sample_rate);
  ++pushed_;
}

AudioFrameView FrameQueue::Front() const {
  HW_CHECK(!empty());
  const Entry& entry = frames_[first_];
  return {Bytes(bytes_).subspan(bytes_first_, entry.size), entry.samples, entry.sample_rate};
}

void FrameQueue::Pop() {
  HW_CHECK(!empty());
  const Entry& entry = frames_[first_++];
  bytes_first_ += entry.size;
  octets_ -= entry.size;
  length_ -= LengthOf(entry.samples, entry.sample_rate);
  ++popped_;
}

void FrameQueue::Clear() {
  while (!empty()) Pop();
}

}  // namespace headwater::packager
