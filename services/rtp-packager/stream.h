#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/rtp-packager/frame_queue.h"
#include "services/rtp-packager/intake.h"
#include "services/rtp-packager/media_stream.h"
#include "services/rtp-packager/options.h"
#include "services/rtp-packager/rtp/media_clock.h"
#include "services/rtp-packager/timeline.h"

namespace headwater::packager {

// One opened source and its timeline; sessions share it. It opens the source when
// made, cuts its bytes into frames, holds them in a queue, and gives payloads out at media pace
// once told to transmit. Timestamps begin at 0 (each session adds its own start) and never jump:
// silence, reopened sources and late media go on with the next tick; what is lost is lost in wall
// time. What has no RTP payload, or is not what was announced, is transcoded.
//
// Limits: the queue holds queue_max of media or queue_bytes_max, then the source is paused; what a
// paused source still brings beyond twice that is thrown away and counted. Titles waiting for their
// audio: 16, then the oldest is shown early. Reopening goes on with backoff until the silence
// limit. Pure; loop thread only.
class Stream : public MediaStream, public SourceObserver {
 public:
  Stream(const Options& options, StreamConfig config, const StreamEnvironment& environment);
  ~Stream() override;

  // The open source stays.
  void Update(const StreamConfig& config) override;
  void Transmit(bool goes_on) override;
  void OnTime(PayloadSink& sink) override;
  MonoTime NextDeadline() const override;

  StreamState state() const override { return state_; }
  const std::string& error() const override { return error_; }
  std::string_view error_reason() const override { return error_reason_; }
  const std::optional<RtpFormat>& format() const override { return format_; }
  const std::optional<RtpFormat>& source_format() const override { return source_format_; }
  const StreamTexts& texts() const override { return texts_; }
  const std::string& source_url() const override { return source_url_; }
  const StreamTimes& times() const override { return times_; }
  const StreamStats& stats() const override { return stats_; }
  Duration queue_length() const override { return queue_.length(); }
  uint64_t revision() const override { return revision_; }
  int rate_ppm() const { return timeline_.rate_ppm(); }

  // SourceObserver.
  void OnRequested(MonoTime time) override;
  void OnAnswered(const SourceHead& head) override;
  void OnMedia(Bytes media) override;
  void OnTitle(const StreamTitle& title) override;
  void OnClosed(const SourceError& error) override;

 private:
  struct PendingTitle {
    // Shown when the queue has popped this many frames.
    uint64_t frame = 0;
    StreamTitle title;
  };

  void Fire(StreamEvent event);
  void Touch();
  void OpenTone();
  void OpenSource(size_t first);
  void CloseSource();
  IntakeOptions OptionsOfIntake() const;
  void DrainIntake(MonoTime now);
  void OnFormat(MonoTime now);
  // Of the frames; the announcement may wrap it.
  void SetFormat(RtpFormat audio, MonoTime now);
  std::unique_ptr<Payloader> MakeOwnPayloader() const;
  void OnIntakeError();
  // The source has ended, and all that it gave is in the queue.
  void OnEnd(const SourceError& error);
  bool QueueFull() const;
  void GiveUp(std::string_view reason, std::string text);
  // A URL whose bytes are no media that we can send: the next one while opening.
  void OnUnusable(std::string_view reason, const std::string& text);
  void ScheduleReopen(MonoTime now, size_t first);
  void ShowTitle(const StreamTitle& title);
  void ShowDueTitles();
  void UpdatePause();

  // Pumping, in stream_pump.cc.
  void AdvanceSource(MonoTime now);
  void TryStart(MonoTime now);
  void UpdateSilence(MonoTime now);
  bool ReserveReady(MonoTime now) const;
  // Fills prepared_ from the payloader, feeding it frames; false: there is nothing to send yet.
  bool Prepare(MonoTime now);
  bool TakeFrame();
  void SendDue(MonoTime now, PayloadSink& sink);
  MonoTime GoneAt() const;
  MonoTime StallAt() const;
  MonoTime PumpDeadline() const;

  const Options& options_;
  StreamConfig config_;
  const StreamEnvironment& environment_;

  StreamState state_ = StreamState::kOpening;
  std::string error_;
  std::string_view error_reason_;
  std::optional<RtpFormat> format_;
  // What the frames are, wrapped or not; with format_.
  RtpFormat audio_announced_;
  std::optional<RtpFormat> source_format_;
  AudioFormat audio_;
  StreamTexts texts_;
  bool has_title_ = false;
  std::deque<PendingTitle> titles_;
  std::string source_url_;
  StreamTimes times_;
  StreamStats stats_;
  uint64_t revision_ = 1;

  // The source. Exactly one of: open (source_), ended with media still in the transcoder (ended_),
  // to be opened (reopen_at_ set), or none needed (tone, Failed).
  std::unique_ptr<Source> source_;
  std::optional<SourceError> ended_;
  std::unique_ptr<Intake> intake_;
  std::string content_type_;
  Duration source_pause_max_{};
  // icy-br; 0: unknown.
  uint32_t icy_bits_per_second_ = 0;
  size_t url_index_ = 0;
  MonoTime opened_at_{};
  MonoTime reopen_at_ = kNever;
  Duration backoff_{};
  // Last byte of media, or the first opening.
  MonoTime last_media_{};
  // Whether this opening has given a frame.
  bool flowing_ = false;
  bool paused_ = false;
  std::string last_error_;

  // Media.
  FrameQueue queue_;
  // When the queue last became non-empty: how long the reserve has been waited for.
  MonoTime filling_since_{};
  size_t tone_next_ = 0;
  AudioFrame silence_;
  std::optional<MediaClock> clock_;
  std::unique_ptr<Payloader> payloader_;
  // The frame in the payloader's hands; its own copy, since the queue moves its bytes.
  std::vector<uint8_t> current_;
  // Owned by the payloader until its next call.
  const RtpPayload* prepared_ = nullptr;
  // Frames wait in the payloader for company.
  bool grouping_ = false;

  // Sending.
  bool transmit_ = false;
  bool goes_on_ = false;
  MonoTime transmit_at_{};
  Timeline timeline_;
  DriftControl drift_;
  // The last attempt to prepare found no media: if the next payload is late, the timeline is
  // shifted, for the media is late and not this process.
  bool starved_ = false;
  MonoTime silent_since_{};
};

}  // namespace headwater::packager
