#include "services/rtp-packager/transcode/transcoder_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "services/rtp-packager/transcode/transcode_channel.h"
#include "services/rtp-packager/transcode/transcode_job.h"

extern "C" {
#include <libavutil/log.h>
#include <libavutil/mem.h>
}

namespace headwater::packager {
namespace {

constexpr size_t kAllocationMax = size_t{64} << 20;
constexpr size_t kWorkersPerCpu = 8;
// Media in time goes before media to come.
constexpr int kNice = 5;

size_t WorkersMax(const TranscoderPoolOptions& options) {
  if (options.transcoders_max != 0) return options.transcoders_max;
  return kWorkersPerCpu * std::max(1u, std::thread::hardware_concurrency());
}

Duration ThreadCpuTime() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

}  // namespace

std::string_view TranscodeReasonName(TranscodeReason reason) {
  return reason == TranscodeReason::kNoPayload ? "no_payload" : "format_changed";
}

// One thread and what it shares with the loop. `done` is the last that the thread writes.
struct TranscoderPool::Worker {
  Worker(const TranscodeRequest& request, std::function<void()> wake)
      : reason(request.reason),
        channel(std::make_shared<TranscodeChannel>(std::move(wake))),
        job(*channel, request) {}

  const TranscodeReason reason;
  // The handle has it too: it may outlive the thread.
  const std::shared_ptr<TranscodeChannel> channel;
  TranscodeJob job;
  Duration cpu_time{};
  std::atomic<bool> done = false;
  std::thread thread;
};

class TranscoderPool::Handle : public Transcoder {
 public:
  Handle(std::shared_ptr<TranscodeChannel> channel, std::shared_ptr<bool> alive)
      : channel_(std::move(channel)), alive_(std::move(alive)) {}
  ~Handle() override {
    *alive_ = false;
    channel_->Stop();
  }

  void Push(Bytes bytes) override { channel_->Push({{bytes.begin(), bytes.end()}, std::nullopt}); }
  void PushFrame(const AudioFormat& format, const AudioFrameView& frame) override {
    channel_->Push({{frame.bytes.begin(), frame.bytes.end()}, format});
  }
  void Finish() override { channel_->Finish(); }
  bool full() const override { return channel_->full(); }

  MediaStep Next() override {
    std::optional<TranscodeOutput> output = channel_->Pop();
    if (!output) return MediaStep::kNothing;
    if (auto* format = std::get_if<TranscodeFormat>(&*output)) {
      format_ = std::move(*format);
      return MediaStep::kFormat;
    }
    if (auto* frame = std::get_if<AudioFrame>(&*output)) {
      frame_ = std::move(*frame);
      view_ = frame_.view();
      return MediaStep::kFrame;
    }
    if (auto* title = std::get_if<StreamTitle>(&*output)) {
      title_ = std::move(*title);
      return MediaStep::kTitle;
    }
    error_ = std::get<TranscodeEnd>(*output).error;
    return error_.empty() ? MediaStep::kEnd : MediaStep::kError;
  }
  const AudioFormat& format() const override { return format_.format; }
  const std::string& source() const override { return format_.source; }
  const AudioFrameView& frame() const override { return view_; }
  const StreamTitle& title() const override { return title_; }
  const std::string& error() const override { return error_; }

 private:
  const std::shared_ptr<TranscodeChannel> channel_;
  const std::shared_ptr<bool> alive_;
  TranscodeFormat format_;
  AudioFrame frame_;
  AudioFrameView view_;
  StreamTitle title_;
  std::string error_;
};

TranscoderPool::TranscoderPool(EventLoop& loop, const TranscoderPoolOptions& options)
    : loop_(loop), options_(options), workers_max_(WorkersMax(options)) {
  // Its words about a stranger's bytes are nobody's business; and both are set for the process.
  av_log_set_level(AV_LOG_QUIET);
  av_max_alloc(kAllocationMax);
}

TranscoderPool::~TranscoderPool() {
  *alive_ = false;
  for (const auto& worker : workers_) worker->channel->Stop();
  for (const auto& worker : workers_) worker->thread.join();
}

std::unique_ptr<Transcoder> TranscoderPool::Make(const TranscodeRequest& request,
                                                 std::function<void()> ready) {
  if (workers_.size() >= workers_max_) {
    ++past_.refused_total;
    return nullptr;
  }
  TranscodeRequest complete = request;
  if (complete.target.bits_per_second == 0) {
    complete.target.bits_per_second = options_.bits_per_second;
  }
  // Each is read and written on the loop's thread alone.
  auto handle_alive = std::make_shared<bool>(true);
  auto tell = [ready = std::move(ready), handle_alive] {
    if (*handle_alive) ready();
  };
  auto worker = std::make_unique<Worker>(
      complete, [&loop = loop_, tell = std::move(tell)] { loop.Post(tell); });
  worker->thread = std::thread([this, alive = alive_, self = worker.get()] {
    pthread_setname_np(pthread_self(), "transcode");
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
    self->job.Run();
    self->cpu_time = ThreadCpuTime();
    self->done = true;
    loop_.Post([this, alive] {
      if (*alive) Reap();
    });
  });
  auto handle = std::make_unique<Handle>(worker->channel, std::move(handle_alive));
  workers_.push_back(std::move(worker));
  return handle;
}

void TranscoderPool::Reap() {
  for (auto each = workers_.begin(); each != workers_.end();) {
    Worker& worker = **each;
    if (!worker.done) {
      ++each;
      continue;
    }
    worker.thread.join();
    past_.cpu_time += worker.cpu_time;
    const auto codec = static_cast<size_t>(worker.job.codec());
    ++past_.ended_total[codec][static_cast<size_t>(worker.reason)];
    past_.failed_total += worker.job.failed() ? 1 : 0;
    each = workers_.erase(each);
  }
}

TranscoderPoolStats TranscoderPool::Stats() const {
  TranscoderPoolStats stats = past_;
  for (const auto& worker : workers_) {
    const auto codec = static_cast<size_t>(worker->job.codec());
    ++stats.running[codec][static_cast<size_t>(worker->reason)];
  }
  return stats;
}

}  // namespace headwater::packager
