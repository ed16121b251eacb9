#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "services/rtp-packager/media/transcoder.h"

namespace headwater {

// Transcoders by hand, for tests of what uses them: the test sees what they were given and says
// what comes out.
//   maker.latest().Format(OpusFormat(2), "FLAC 44.1 kHz stereo");
//   maker.latest().Frames(50);
class FakeTranscoderMaker : public TranscoderMaker {
 public:
  class Job {
   public:
    Job(const TranscodeRequest& request, std::function<void()> ready)
        : request_(request), ready_(std::move(ready)) {}

    const TranscodeRequest& request() const { return request_; }
    // Not destroyed by its owner.
    bool alive() const { return alive_; }
    const std::vector<uint8_t>& bytes() const { return bytes_; }
    const std::vector<AudioFormat>& frame_formats() const { return frame_formats_; }
    bool finished() const { return finished_; }

    void SetFull(bool full) {
      full_ = full;
      Ready();
    }
    void Format(const AudioFormat& format, const std::string& source) {
      Give(Output{MediaStep::kFormat, format, {}, source, {}});
    }
    // Frames of the format; each carries its number.
    void Frames(size_t count, const AudioFormat& format) {
      for (size_t i = 0; i < count; ++i) {
        AudioFrame frame = {{0xfc, static_cast<uint8_t>(made_ >> 8), static_cast<uint8_t>(made_)},
                            format.frame_samples,
                            format.sample_rate};
        ++made_;
        outputs_.push_back({MediaStep::kFrame, {}, std::move(frame), {}, {}});
      }
      Ready();
    }
    void Title(const std::string& title) { Give({MediaStep::kTitle, {}, {}, {}, {title, ""}}); }
    void End() { Give({MediaStep::kEnd, {}, {}, {}, {}}); }
    void Error(const std::string& text) { Give({MediaStep::kError, {}, {}, text, {}}); }

   private:
    friend class FakeTranscoderMaker;
    struct Output {
      MediaStep step;
      AudioFormat format;
      AudioFrame frame;
      std::string text;
      StreamTitle title;
    };

    void Give(Output output) {
      outputs_.push_back(std::move(output));
      Ready();
    }
    void Ready() {
      if (alive_) ready_();
    }

    const TranscodeRequest request_;
    const std::function<void()> ready_;
    bool alive_ = true;
    bool full_ = false;
    bool finished_ = false;
    uint32_t made_ = 0;
    std::vector<uint8_t> bytes_;
    std::vector<AudioFormat> frame_formats_;
    std::deque<Output> outputs_;
  };

  std::unique_ptr<Transcoder> Make(const TranscodeRequest& request,
                                   std::function<void()> ready) override {
    if (alive() >= jobs_max) return nullptr;
    jobs_.push_back(std::make_shared<Job>(request, std::move(ready)));
    return std::make_unique<Handle>(jobs_.back());
  }

  // Every one so far, oldest first.
  size_t made() const { return jobs_.size(); }
  Job& job(size_t index) { return *jobs_.at(index); }
  Job& latest() { return *jobs_.back(); }
  size_t alive() const {
    size_t count = 0;
    for (const auto& job : jobs_) count += job->alive() ? 1 : 0;
    return count;
  }

  size_t jobs_max = SIZE_MAX;

 private:
  class Handle : public Transcoder {
   public:
    explicit Handle(std::shared_ptr<Job> job) : job_(std::move(job)) {}
    ~Handle() override { job_->alive_ = false; }

    void Push(Bytes bytes) override {
      job_->bytes_.insert(job_->bytes_.end(), bytes.begin(), bytes.end());
    }
    void PushFrame(const AudioFormat& format, const AudioFrameView&) override {
      job_->frame_formats_.push_back(format);
    }
    void Finish() override { job_->finished_ = true; }
    bool full() const override { return job_->full_; }
    MediaStep Next() override {
      if (job_->outputs_.empty()) return MediaStep::kNothing;
      Job::Output output = std::move(job_->outputs_.front());
      job_->outputs_.pop_front();
      if (output.step == MediaStep::kFormat) {
        format_ = output.format;
        source_ = output.text;
      }
      if (output.step == MediaStep::kError) error_ = output.text;
      title_ = output.title;
      frame_ = std::move(output.frame);
      view_ = frame_.view();
      return output.step;
    }
    const AudioFormat& format() const override { return format_; }
    const std::string& source() const override { return source_; }
    const AudioFrameView& frame() const override { return view_; }
    const StreamTitle& title() const override { return title_; }
    const std::string& error() const override { return error_; }

   private:
    const std::shared_ptr<Job> job_;
    AudioFormat format_;
    std::string source_;
    std::string error_;
    AudioFrame frame_;
    AudioFrameView view_;
    StreamTitle title_;
  };

  std::vector<std::shared_ptr<Job>> jobs_;
};

}  // namespace headwater
