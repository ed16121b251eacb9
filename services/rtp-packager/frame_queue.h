#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/time/mono_time.h"
#include "services/rtp-packager/media/audio_format.h"

namespace headwater::packager {

// Frames of a source that wait for their time, in order. What it holds is what it takes, in blocks:
// thousands of queues stand side by side, each with seconds of media. A block that has been played
// is filled again, so with a source that keeps its pace nothing is allocated. It has no limit of
// its own: the stream stops filling it.
class FrameQueue {
 public:
  void Push(const AudioFrameView& frame);
  // Of the oldest; valid until the next Push or Pop. Not when empty.
  AudioFrameView Front() const;
  void Pop();
  void Clear();

  bool empty() const { return pushed_ == popped_; }
  size_t octets() const { return octets_; }
  // Media held.
  Duration length() const { return length_; }
  // Frames ever pushed, ever popped: places in the stream, for what is to happen with a certain
  // frame.
  uint64_t pushed_total() const { return pushed_; }
  uint64_t popped_total() const { return popped_; }

 private:
  // Stands before its bytes in a block.
  struct Entry {
    uint32_t size;
    uint32_t samples;
    uint32_t sample_rate;
  };
  using Block = std::vector<uint8_t>;
  static Duration LengthOf(uint32_t samples, uint32_t sample_rate);
  Entry FrontEntry() const;
  // The last one, with room for so much more.
  Block& BlockFor(size_t octets);

  // Whole frames, oldest first; of the first block what stands before first_ has been played.
  std::vector<Block> blocks_;
  size_t first_ = 0;
  Block spare_;
  size_t octets_ = 0;
  Duration length_{};
  uint64_t pushed_ = 0;
  uint64_t popped_ = 0;
};

}  // namespace headwater::packager
