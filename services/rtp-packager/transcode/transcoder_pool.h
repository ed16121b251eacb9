#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <thread>

#include "services/common/loop/event_loop.h"
#include "services/common/time/mono_time.h"
#include "services/rtp-packager/media/transcoder.h"
#include "services/rtp-packager/transcode/source_codec.h"
#include "services/rtp-packager/transcode/transcoder_pool_options.h"

namespace headwater::packager {

class TranscodeChannel;
class TranscodeJob;

inline constexpr size_t kTranscodeReasons = 2;
// "no_payload", "format_changed".
std::string_view TranscodeReasonName(TranscodeReason reason);

struct TranscoderPoolStats {
  // Running now.
  std::array<std::array<uint64_t, kTranscodeReasons>, kSourceCodecs> running = {};
  // Ever ended, as far as the codec was known then.
  std::array<std::array<uint64_t, kTranscodeReasons>, kSourceCodecs> ended_total = {};
  uint64_t refused_total = 0;
  uint64_t failed_total = 0;
  // That the ended ones' threads have used.
  Duration cpu_time{};
};

// Transcoders by FFmpeg's libraries, each with a thread of its own at a lower priority than the
// loop's: what a stream costs is decoded, resampled and encoded there. A transcoder that is
// destroyed is stopped and its thread joined later: the loop never waits for one but in the
// destructor.
//
// What comes from a stranger is decoded in this process, without privileges: a decoder that can be
// made to crash ends the packager, which is started again. Containers and codecs that are not in
// media_reader.cc and source_codec.cc are not touched.
//
// Limits: transcoders_max threads; for each, TranscodeChannel's queues; libav's allocations are of
// 64 MiB at most. Loop thread only.
class TranscoderPool : public TranscoderMaker {
 public:
  TranscoderPool(EventLoop& loop, const TranscoderPoolOptions& options);
  // Stops all; transcoders must be gone.
  ~TranscoderPool() override;

  std::unique_ptr<Transcoder> Make(const TranscodeRequest& request,
                                   std::function<void()> ready) override;
  TranscoderPoolStats Stats() const;

 private:
  class Handle;
  struct Worker;

  // Joins the threads that have ended.
  void Reap();

  EventLoop& loop_;
  const TranscoderPoolOptions options_;
  const size_t workers_max_;
  std::list<std::unique_ptr<Worker>> workers_;
  TranscoderPoolStats past_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace headwater::packager
