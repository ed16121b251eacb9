#include "services/rtp-packager/transcode/transcode_channel.h"

#include <algorithm>
#include <utility>

namespace headwater::packager {

void TranscodeChannel::Push(TranscodeInput input) {
  const std::lock_guard lock(mutex_);
  input_octets_ += input.bytes.size();
  full_ = full_ || input_octets_ >= kInputMax;
  input_.push_back(std::move(input));
  changed_.notify_one();
}

void TranscodeChannel::Finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_one();
}

bool TranscodeChannel::full() const {
  const std::lock_guard lock(mutex_);
  return full_;
}

std::optional<TranscodeOutput> TranscodeChannel::Pop() {
  const std::lock_guard lock(mutex_);
  if (output_.empty()) return std::nullopt;
  TranscodeOutput output = std::move(output_.front());
  output_.pop_front();
  const bool was_full = output_length_ >= kOutputMax;
  output_length_ -= LengthOf(output);
  if (was_full && output_length_ < kOutputMax) changed_.notify_one();
  return output;
}

void TranscodeChannel::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_one();
}

bool TranscodeChannel::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

TranscodeChannel::Taken TranscodeChannel::Take(TranscodeInput& input) {
  bool room = false;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || finished_ || !input_.empty(); });
    if (stopped_) return Taken::kStopped;
    if (input_.empty()) return Taken::kEnd;
    input = std::move(input_.front());
    input_.pop_front();
    input_octets_ -= input.bytes.size();
    if (full_ && input_octets_ <= kInputMax / 2) {
      full_ = false;
      room = true;
    }
  }
  if (room) wake_();
  return Taken::kInput;
}

bool TranscodeChannel::Give(TranscodeOutput output) {
  bool first = false;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || output_length_ < kOutputMax; });
    if (stopped_) return false;
    first = output_.empty();
    output_length_ += LengthOf(output);
    output_.push_back(std::move(output));
  }
  if (first) wake_();
  return true;
}

uint32_t TranscodeChannel::LengthOf(const TranscodeOutput& output) {
  // What is no frame counts too: a stream that is all titles must not grow the queue.
  const auto* frame = std::get_if<AudioFrame>(&output);
  return frame == nullptr ? 1 : std::max(1u, frame->samples * 100 / frame->sample_rate);
}

}  // namespace headwater::packager
