#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/time/clock.h"
#include "services/rtp-packager/frame_queue.h"
#include "services/rtp-packager/intake.h"
#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/media/payloader.h"
#include "services/rtp-packager/media/test_tone.h"
#include "services/rtp-packager/media/transcoder.h"
#include "services/rtp-packager/options.h"
#include "services/rtp-packager/rtp/media_clock.h"
#include "services/rtp-packager/source/source.h"
#include "services/rtp-packager/timeline.h"

namespace headwater::packager {

enum class StreamState : uint8_t { kOpening, kReady, kSending, kSilent, kFailed };
std::string_view StreamStateName(StreamState state);

enum class StreamEvent : uint8_t {
  kFormatKnown,  // the framer has found the format and the first frame
  kTransmit,     // a session is to be sent, and the reserve is there
  kSourceGone,   // nothing from the source for silence_after, and the queue is played out
  kMediaBack,    // the source flows again, and the reserve is there
  kGivenUp,      // no URL gave media, another format than announced, the silence limit
};
std::string_view StreamEventName(StreamEvent event);

// A (state, event) without a row changes nothing.
struct StreamTransition {
  StreamState from;
  StreamEvent event;
  StreamState to;
};
inline constexpr std::array kStreamTransitions = {
    StreamTransition{StreamState::kOpening, StreamEvent::kFormatKnown, StreamState::kReady},
    StreamTransition{StreamState::kOpening, StreamEvent::kGivenUp, StreamState::kFailed},
    StreamTransition{StreamState::kReady, StreamEvent::kTransmit, StreamState::kSending},
    StreamTransition{StreamState::kReady, StreamEvent::kGivenUp, StreamState::kFailed},
    StreamTransition{StreamState::kSending, StreamEvent::kSourceGone, StreamState::kSilent},
    StreamTransition{StreamState::kSending, StreamEvent::kGivenUp, StreamState::kFailed},
    StreamTransition{StreamState::kSilent, StreamEvent::kMediaBack, StreamState::kSending},
    StreamTransition{StreamState::kSilent, StreamEvent::kGivenUp, StreamState::kFailed},
};

// What a stream is made from.
struct StreamConfig {
  uint32_t number = 0;
  // The built-in tone; then there are no URLs.
  bool test_tone = false;
  std::string title;
  std::vector<std::string> urls;
  bool local = false;
  Duration silence_limit{};
  // What listeners were told before the source was heard: anything else is transcoded into it.
  std::optional<RtpFormat> announced;
  // Wrapped in MPEG-TS; of the first opening.
  bool transport_stream = false;
};

// The world as streams see it. All outlive the stream.
struct StreamEnvironment {
  SourceOpener* opener = nullptr;
  const TestTone* tone = nullptr;
  // Null: nothing is transcoded.
  TranscoderMaker* transcoders = nullptr;
  std::function<ClockPair()> now;
  // Something changed outside of OnTime: call OnTime soon, and look at the status.
  std::function<void()> wake;
};

// What the source says, as the SDP is to say it.
struct StreamTexts {
  std::string name;
  std::string title;
  std::string url;
  std::optional<absl::Time> began;
  bool operator==(const StreamTexts&) const = default;
};

struct StreamTimes {
  std::optional<MonoTime> source_requested;
  std::optional<MonoTime> source_answered;
  std::optional<MonoTime> format_known;
};

struct StreamStats {
  uint64_t reopens_total = 0;
  uint64_t silences_total = 0;
  // Times that media came too late and the timeline was shifted.
  uint64_t underruns_total = 0;
  // Bytes thrown away because a paused source went on.
  uint64_t overflow_octets_total = 0;
};

// Takes what is due. The payload is valid during the call.
class PayloadSink {
 public:
  virtual ~PayloadSink() = default;
  // `due`: when its first sample is to be sent by the normal pace.
  virtual void OnPayload(const RtpPayload& payload, MonoTime due) = 0;
};

// One opened source and its timeline (DESIGN 2.7, 2.8); sessions share it. It opens the source when
// made, cuts its bytes into frames, holds them in a queue, and gives payloads out at media pace
// once told to transmit. Timestamps begin at 0 (each session adds its own start) and never jump:
// silence, reopened sources and late media go on with the next tick; what is lost is lost in wall
// time. What has no RTP payload, or is not what was announced, is transcoded.
//
// Limits: the queue holds queue_max of media or queue_bytes_max, then the source is paused; what a
// paused source still brings beyond twice that is thrown away and counted. Titles waiting for their
// audio: 16, then the oldest is shown early. Reopening goes on with backoff until the silence
// limit. Pure; loop thread only.
class Stream : public SourceObserver {
 public:
  Stream(const Options& options, StreamConfig config, const StreamEnvironment& environment);
  ~Stream() override;

  // New URLs and limits for the next opening; the open source stays.
  void Update(const StreamConfig& config);
  // Sending starts as soon as there is enough media. Idempotent.
  void Transmit();
  // Gives out all that is due.
  void OnTime(PayloadSink& sink);
  MonoTime NextDeadline() const;

  StreamState state() const { return state_; }
  // One line, for Silent and Failed; empty otherwise.
  const std::string& error() const { return error_; }
  // Of SessionStatus.error_reason.
  std::string_view error_reason() const { return error_reason_; }
  // From Ready on.
  const std::optional<RtpFormat>& format() const { return format_; }
  // What the source would be announced as if nothing had been; nothing where that is format().
  const std::optional<RtpFormat>& source_format() const { return source_format_; }
  const StreamTexts& texts() const { return texts_; }
  // Now playing, without user name and password.
  const std::string& source_url() const { return source_url_; }
  const StreamTimes& times() const { return times_; }
  const StreamStats& stats() const { return stats_; }
  Duration queue_length() const { return queue_.length(); }
  // Rises whenever state, error, format, texts or URL change.
  uint64_t revision() const { return revision_; }
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
  MonoTime transmit_at_{};
  Timeline timeline_;
  DriftControl drift_;
  // The last attempt to prepare found no media: if the next payload is late, the timeline is
  // shifted, for the media is late and not this process.
  bool starved_ = false;
  MonoTime silent_since_{};
};

}  // namespace headwater::packager
