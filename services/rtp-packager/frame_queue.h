#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/time/mono_time.h"
#include "services/rtp-packager/media/audio_format.h"

namespace headwater::packager {

// Frames of a source that wait for their time, in order. It allocates no more once it has grown. It
// has no limit of its own: the stream stops filling it.
class FrameQueue {
 public:
  void Push(const AudioFrameView& frame);
  // Of the oldest; valid until the next Push or Pop. Not when empty.
  AudioFrameView Front() const;
  void Pop();
  void Clear();

  bool empty() const { return first_ == frames_.size(); }
  size_t octets() const { return octets_; }
  // Media held.
  Duration length() const { return length_; }
  // Frames ever pushed, ever popped: places in the stream, for what is to happen with a certain
  // frame.
  uint64_t pushed_total() const { return pushed_; }
  uint64_t popped_total() const { return popped_; }

 private:
  struct Entry {
    size_t size;
    uint32_t samples;
    uint32_t sample_rate;
  };
  static Duration LengthOf(uint32_t samples, uint32_t sample_rate);

  std::vector<uint8_t> bytes_;
  size_t bytes_first_ = 0;
  std::vector<Entry> frames_;
  size_t first_ = 0;
  size_t octets_ = 0;
  Duration length_{};
  uint64_t pushed_ = 0;
  uint64_t popped_ = 0;
};

}  // namespace headwater::packager
