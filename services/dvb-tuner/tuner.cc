#include "services/dvb-tuner/tuner.h"

#include <fmt/format.h>

#include <algorithm>

namespace headwater::tuner {

std::string_view Tuner::reason() const {
  switch (state_) {
    case TunerState::kAbsent:
      return "no_card";
    case TunerState::kBackoff:
      return options_.kind == TunerKind::kSatip ? "input" : "dvblast";
    default:
      return options_.kind == TunerKind::kCard ? "no_lock" : "input";
  }
}

bool Tuner::Fire(TunerEvent event, MonoTime now) {
  const auto next = Next(state_, event);
  if (!next) return false;
  if (*next != state_) since_ = now;
  state_ = *next;
  return true;
}

Tuner::Orders Tuner::Start(uint64_t run, MonoTime now) {
  run_ = run;
  stopping_ = no_device_ = false;
  message_.clear();
  retry_ = kNever;
  silent_at_ = now + times_.silence_max;
  signal_ = {};
  bits_per_second_ = 0;
  return {.start = true};
}

Tuner::Orders Tuner::Stop() {
  if (run_ == 0 || stopping_) return {};
  stopping_ = true;
  silent_at_ = kNever;
  return {.stop = true};
}

Tuner::Orders Tuner::Assign(const Carrier& carrier, uint64_t run, MonoTime now) {
  if (carrier_ && carrier_->id == carrier.id && state_ != TunerState::kAbsent) return {};
  const bool other = carrier_.has_value() && carrier_->id != carrier.id;
  carrier_ = carrier;
  failures_ = 0;
  error_.clear();
  if (other) Fire(TunerEvent::kDropped, now);
  if (Fire(TunerEvent::kAssigned, now) && state_ == TunerState::kTuning) return Start(run, now);
  return Stop();
}

Tuner::Orders Tuner::Drop(MonoTime now) {
  carrier_.reset();
  Fire(TunerEvent::kDropped, now);
  if (state_ == TunerState::kFree) {
    retry_ = kNever;
    error_.clear();
  }
  return Stop();
}

Tuner::Orders Tuner::OnEvent(const DvblastEvent& event, MonoTime now) {
  using enum DvblastEvent::Kind;
  if (stopping_) return {};
  silent_at_ = now + times_.silence_max;
  switch (event.kind) {
    case kLock:
      if (Fire(TunerEvent::kLock, now)) {
        failures_ = 0;
        error_.clear();
        signal_.locked = true;
      }
      break;
    case kReset:
    case kNoLock:
      if (event.kind == kNoLock) ++lock_timeouts_total_;
      [[fallthrough]];
    case kUnlock:
      if (Fire(TunerEvent::kUnlock, now)) ++locks_lost_total_;
      error_ = event.kind == kReset ? "tuned again: " + event.text : "no lock";
      signal_.locked = false;
      break;
    case kBitrate:
      bits_per_second_ = event.value;
      // dvblast tells no second lock of what comes by the network.
      if (!feeds_by_network()) break;
      if (event.value > 0) return OnEvent({kLock, 0, ""}, now);
      if (state_ == TunerState::kLocked) return OnEvent({kUnlock, 0, ""}, now);
      break;
    case kDiscontinuity:
      continuity_errors_total_ += event.value;
      break;
    case kTransportError:
      transport_errors_total_ += event.value;
      break;
    case kNoDevice:
      no_device_ = true;
      message_ = event.text;
      return Stop();
    case kMessage:
      message_ = event.text;
      break;
  }
  return {};
}

Tuner::Orders Tuner::OnExited(const std::string& text, uint64_t next_run, MonoTime now) {
  run_ = 0;
  stopping_ = false;
  silent_at_ = kNever;
  signal_ = {};
  bits_per_second_ = 0;
  error_ = message_.empty() ? text : message_;
  if (!Fire(no_device_ ? TunerEvent::kNoDevice : TunerEvent::kExited, now)) return {};
  if (state_ == TunerState::kFree) {
    error_.clear();
    if (carrier_ && Fire(TunerEvent::kAssigned, now)) return Start(next_run, now);
    return {};
  }
  Duration wait = times_.absent_retry;
  if (state_ == TunerState::kBackoff) {
    wait = times_.backoff_first;
    for (int i = 0; i < failures_ && wait < times_.backoff_max; ++i) wait *= 2;
    wait = std::min(wait, times_.backoff_max);
  }
  ++failures_;
  retry_ = now + wait;
  return {};
}

Tuner::Orders Tuner::OnTime(uint64_t next_run, MonoTime now) {
  if (silent_at_ <= now && run_ != 0) {
    message_ =
        fmt::format("dvblast hangs: silent for {} s",
                    std::chrono::duration_cast<std::chrono::seconds>(times_.silence_max).count());
    return Stop();
  }
  if (retry_ > now) return {};
  retry_ = kNever;
  if (!carrier_ || !Fire(TunerEvent::kRetry, now)) return {};
  ++restarts_total_;
  return Start(next_run, now);
}

MonoTime Tuner::NextDeadline() const { return std::min(retry_, silent_at_); }

}  // namespace headwater::tuner
