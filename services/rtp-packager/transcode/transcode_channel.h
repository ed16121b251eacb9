#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/media/stream_title.h"

namespace headwater::packager {

// What goes to a transcoding thread: a piece of a stream, or one frame with its format.
struct TranscodeInput {
  std::vector<uint8_t> bytes;
  std::optional<AudioFormat> format;
};

struct TranscodeFormat {
  AudioFormat format;
  std::string source;
};
struct TranscodeEnd {
  std::string error;  // empty: after all that was given
};
using TranscodeOutput = std::variant<TranscodeFormat, AudioFrame, StreamTitle, TranscodeEnd>;

// The two queues between the loop and one transcoding thread. From the loop: Push, Finish, full,
// Pop, Stop. From the thread: Take, Give, stopped. The thread waits, the loop never does.
//
// Limits: Give waits while kOutputMax of media has not been taken out. Push never refuses; full()
// from kInputMax on, until it is half empty, and who goes on pushing is out of line.
class TranscodeChannel {
 public:
  static constexpr size_t kInputMax = 256 * 1024;
  // Hundredths of a second of media.
  static constexpr uint32_t kOutputMax = 100;

  // `wake` is called on the thread, unlocked: there is output where there was none, or full() is
  // over, or nothing more will come.
  explicit TranscodeChannel(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Push(TranscodeInput input);
  void Finish();
  bool full() const;
  std::optional<TranscodeOutput> Pop();
  // Take and Give return false at once and from then on.
  void Stop();

  enum class Taken { kInput, kEnd, kStopped };
  Taken Take(TranscodeInput& input);
  // False: stopped.
  bool Give(TranscodeOutput output);
  bool stopped() const;

 private:
  static uint32_t LengthOf(const TranscodeOutput& output);

  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  std::deque<TranscodeInput> input_;
  size_t input_octets_ = 0;
  bool full_ = false;
  bool finished_ = false;
  bool stopped_ = false;
  std::deque<TranscodeOutput> output_;
  uint32_t output_length_ = 0;
};

}  // namespace headwater::packager
