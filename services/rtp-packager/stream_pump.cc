// How a stream's frames become payloads in time; stream.cc is about where they come from.
#include <algorithm>
#include <utility>

#include "services/rtp-packager/media/silence.h"
#include "services/rtp-packager/stream.h"

namespace headwater::packager {
namespace {

// This process itself slept (suspended, starved of CPU): what was due is not sent in one heap, the
// timeline goes on from now.
constexpr Duration kOversleep = 1s;
// Media that came too late once will do so again, by a little more or less: this much more than was
// missing is held from then on.
constexpr Duration kLateMargin = 50ms;
constexpr Duration kPauseMargin = 2s;

}  // namespace

void Stream::Transmit(bool goes_on) {
  if (transmit_) return;
  transmit_ = true;
  goes_on_ = goes_on;
  transmit_at_ = environment_.now().mono;
  environment_.wake();
}

void Stream::OnTime(PayloadSink& sink) {
  const MonoTime now = environment_.now().mono;
  AdvanceSource(now);
  if (intake_ && intake_->transcoding()) DrainIntake(now);
  TryStart(now);
  UpdateSilence(now);
  if (state_ == StreamState::kSending || state_ == StreamState::kSilent) SendDue(now, sink);
  // What was sent may have been the last of the queue, and the source gone long ago: silence
  // follows without a gap.
  UpdateSilence(now);
  UpdatePause();
}

void Stream::AdvanceSource(MonoTime now) {
  if (state_ == StreamState::kFailed || config_.test_tone) return;
  if (state_ == StreamState::kOpening && now >= last_media_ + options_.opening_limit) {
    GiveUp("silence", last_error_.empty() ? "no audio came in time" : last_error_);
    return;
  }
  if (state_ != StreamState::kOpening && now >= StallAt()) {
    last_error_ = "stalled";
    CloseSource();
    ScheduleReopen(now, url_index_ + 1);
  }
  if (reopen_at_ <= now) OpenSource(url_index_);
}

MonoTime Stream::StallAt() const {
  const bool awaits = source_ ? !paused_ : ended_ && !QueueFull();
  if (!awaits) return kNever;
  if (!flowing_) return opened_at_ + options_.opening_limit;
  // A source that comes in pieces ends by itself; this is for one that does not.
  const Duration pause_max =
      source_pause_max_ > Duration{} ? source_pause_max_ + kPauseMargin : Duration{};
  return last_media_ + std::max(options_.stall_limit, pause_max);
}

bool Stream::ReserveReady(MonoTime now) const {
  if (config_.test_tone) return true;
  if (queue_.empty()) return false;
  return queue_.length() >= options_.preroll || now >= filling_since_ + options_.preroll;
}

void Stream::TryStart(MonoTime now) {
  if (state_ != StreamState::kReady || !transmit_ || !ReserveReady(now)) return;
  const Duration spare = queue_.length() - options_.preroll;
  const Duration burst_max = goes_on_ ? Duration{} : options_.startup_burst;
  const Duration burst = config_.test_tone ? burst_max : std::clamp(spare, Duration{}, burst_max);
  const Duration delay = goes_on_ ? Duration{} : options_.startup_delay;
  timeline_.Start(std::max(now, transmit_at_ + delay), clock_->now().position, burst,
                  options_.startup_speed);
  Fire(StreamEvent::kTransmit);
}

void Stream::UpdateSilence(MonoTime now) {
  if (config_.test_tone) return;
  switch (state_) {
    case StreamState::kSending:
      if (now < GoneAt()) return;
      silence_ = MakeSilence(audio_);
      silent_since_ = now;
      error_reason_ = "silence";
      error_ = last_error_.empty() ? "the source gives nothing" : last_error_;
      payloader_->MarkDiscontinuity();
      Fire(StreamEvent::kSourceGone);
      return;
    case StreamState::kSilent:
      if (ReserveReady(now)) {
        payloader_->MarkDiscontinuity();
        drift_.Reset();
        Fire(StreamEvent::kMediaBack);
      } else if (now >= silent_since_ + config_.silence_limit) {
        GiveUp("silence", "no media until the silence limit: " + error_);
      }
      return;
    case StreamState::kReady:
      if (!paused_ && now >= last_media_ + config_.silence_limit) {
        GiveUp("silence", "no media until the silence limit: " + last_error_);
      }
      return;
    case StreamState::kOpening:
    case StreamState::kFailed:
      return;
  }
}

// When silence is to begin, as far as is known now: the source has given nothing for silence_after,
// and the next frame is due and not there.
MonoTime Stream::GoneAt() const {
  if (!queue_.empty() || prepared_ || !timeline_.started()) return kNever;
  return std::max(last_media_ + options_.silence_after, timeline_.SendTime(clock_->now().position));
}

bool Stream::TakeFrame() {
  AudioFrameView frame;
  if (state_ == StreamState::kSilent) {
    frame = silence_.view();
  } else if (config_.test_tone) {
    frame = environment_.tone->frames[tone_next_].view();
    tone_next_ = (tone_next_ + 1) % environment_.tone->frames.size();
  } else {
    if (queue_.empty()) return false;
    frame = queue_.Front();
    current_.assign(frame.bytes.begin(), frame.bytes.end());
    frame.bytes = current_;
    queue_.Pop();
  }
  payloader_->Push(frame, clock_->now());
  clock_->Advance(frame.samples, frame.sample_rate);
  grouping_ = true;
  return true;
}

bool Stream::Prepare(MonoTime now) {
  while (!prepared_) {
    prepared_ = payloader_->Next();
    if (prepared_) break;
    if (TakeFrame()) continue;
    // No more media: what waits for company is sent when the next frame would be due, and at once
    // when none will come.
    const bool gone = now >= last_media_ + options_.silence_after;
    if (grouping_ && (gone || now >= timeline_.SendTime(clock_->now().position))) {
      payloader_->Flush();
      grouping_ = false;
      continue;
    }
    starved_ = true;
    return false;
  }
  if (std::exchange(starved_, false) && timeline_.SendTime(prepared_->time.position) < now) {
    // Silence is never late: it follows at once.
    const Duration margin = state_ == StreamState::kSending ? kLateMargin : Duration{};
    timeline_.Shift(now + margin, prepared_->time.position);
    drift_.Reset();
    ++stats_.underruns_total;
  }
  return true;
}

void Stream::SendDue(MonoTime now, PayloadSink& sink) {
  while (Prepare(now)) {
    const Duration position = prepared_->time.position;
    if (timeline_.SendTime(position) > now + options_.send_slack) return;
    if (timeline_.SendTime(position) < now - kOversleep) timeline_.Shift(now, position);
    sink.OnPayload(*prepared_, timeline_.PlayTime(position));
    prepared_ = nullptr;
    ShowDueTitles();
    const bool follows = state_ == StreamState::kSending && !config_.test_tone && !paused_;
    if (follows && drift_.OnDepth(now, queue_.length())) {
      timeline_.SetRate(now, drift_.rate_ppm());
    }
  }
}

MonoTime Stream::PumpDeadline() const {
  const MonoTime reserve =
      queue_.empty() || config_.test_tone ? kNever : filling_since_ + options_.preroll;
  switch (state_) {
    case StreamState::kReady:
      if (config_.test_tone) return transmit_ ? MonoTime{} : kNever;
      return std::min(transmit_ ? reserve : kNever,
                      paused_ ? kNever : last_media_ + config_.silence_limit);
    case StreamState::kSending:
    case StreamState::kSilent: {
      MonoTime next = GoneAt();
      if (prepared_) {
        next = timeline_.SendTime(prepared_->time.position);
      } else if (grouping_) {
        next = std::min(next, timeline_.SendTime(clock_->now().position));
      }
      if (state_ == StreamState::kSilent) {
        next = std::min({next, reserve, silent_since_ + config_.silence_limit});
      }
      return next;
    }
    case StreamState::kOpening:
      return last_media_ + options_.opening_limit;
    case StreamState::kFailed:
      break;
  }
  return kNever;
}

MonoTime Stream::NextDeadline() const {
  if (state_ == StreamState::kFailed) return kNever;
  MonoTime next = PumpDeadline();
  if (!config_.test_tone) {
    next = std::min(next, reopen_at_);
    if (state_ != StreamState::kOpening) next = std::min(next, StallAt());
  }
  return next;
}

}  // namespace headwater::packager
