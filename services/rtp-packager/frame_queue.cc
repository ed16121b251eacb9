#include "services/rtp-packager/frame_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "services/common/base/check.h"

namespace headwater::packager {
namespace {

// Half a second at 128 kb/s; a frame that is larger has a block of its own.
constexpr size_t kBlockOctets = 8192;

}  // namespace

Duration FrameQueue::LengthOf(uint32_t samples, uint32_t sample_rate) {
  return Duration(int64_t{samples} * 1'000'000'000 / sample_rate);
}

FrameQueue::Block& FrameQueue::BlockFor(size_t octets) {
  if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < octets) {
    blocks_.push_back(std::exchange(spare_, {}));
    blocks_.back().reserve(std::max(octets, kBlockOctets));
  }
  return blocks_.back();
}

void FrameQueue::Push(const AudioFrameView& frame) {
  const Entry entry = {static_cast<uint32_t>(frame.bytes.size()), frame.samples, frame.sample_rate};
  Block& block = BlockFor(sizeof entry + frame.bytes.size());
  const auto* head = reinterpret_cast<const uint8_t*>(&entry);
  block.insert(block.end(), head, head + sizeof entry);
  block.insert(block.end(), frame.bytes.begin(), frame.bytes.end());
  octets_ += frame.bytes.size();
  length_ += LengthOf(frame.samples, frame.sample_rate);
  ++pushed_;
}

FrameQueue::Entry FrameQueue::FrontEntry() const {
  HW_CHECK(!empty());
  Entry entry;
  std::memcpy(&entry, blocks_.front().data() + first_, sizeof entry);
  return entry;
}

AudioFrameView FrameQueue::Front() const {
  const Entry entry = FrontEntry();
  return {Bytes(blocks_.front()).subspan(first_ + sizeof entry, entry.size), entry.samples,
          entry.sample_rate};
}

void FrameQueue::Pop() {
  const Entry entry = FrontEntry();
  first_ += sizeof entry + entry.size;
  octets_ -= entry.size;
  length_ -= LengthOf(entry.samples, entry.sample_rate);
  ++popped_;
  if (first_ < blocks_.front().size()) return;
  first_ = 0;
  if (blocks_.front().capacity() <= kBlockOctets) {
    spare_ = std::move(blocks_.front());
    spare_.clear();
  }
  blocks_.erase(blocks_.begin());
}

void FrameQueue::Clear() {
  while (!empty()) Pop();
}

}  // namespace headwater::packager
