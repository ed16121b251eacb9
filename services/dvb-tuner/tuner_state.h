#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace headwater::tuner {

enum class TunerState : uint8_t {
  kFree,
  kTuning,
  kLocked,
  kLost,     // was locked
  kBackoff,  // dvblast has ended by itself and is started again later
  kAbsent,   // the device is not there; looked for again later
  kClosing,  // dvblast is ending because we want it to
};

enum class TunerEvent : uint8_t {
  kAssigned,  // a carrier is wanted
  kLock,
  kUnlock,
  kExited,    // dvblast has ended
  kNoDevice,  // and said that there is no device
  kRetry,     // the wait is over and the carrier still wanted
  kDropped,   // the carrier is not wanted any more, or another one is
};

struct TunerTransition {
  TunerState from;
  TunerEvent event;
  TunerState to;
};

// Every change that there is; an event without a row here changes nothing.
inline constexpr std::array<TunerTransition, 21> kTunerTransitions = {{
    {TunerState::kFree, TunerEvent::kAssigned, TunerState::kTuning},
    {TunerState::kTuning, TunerEvent::kLock, TunerState::kLocked},
    {TunerState::kTuning, TunerEvent::kExited, TunerState::kBackoff},
    {TunerState::kTuning, TunerEvent::kNoDevice, TunerState::kAbsent},
    {TunerState::kTuning, TunerEvent::kDropped, TunerState::kClosing},
    {TunerState::kLocked, TunerEvent::kUnlock, TunerState::kLost},
    {TunerState::kLocked, TunerEvent::kExited, TunerState::kBackoff},
    {TunerState::kLocked, TunerEvent::kNoDevice, TunerState::kAbsent},
    {TunerState::kLocked, TunerEvent::kDropped, TunerState::kClosing},
    {TunerState::kLost, TunerEvent::kLock, TunerState::kLocked},
    {TunerState::kLost, TunerEvent::kExited, TunerState::kBackoff},
    {TunerState::kLost, TunerEvent::kNoDevice, TunerState::kAbsent},
    {TunerState::kLost, TunerEvent::kDropped, TunerState::kClosing},
    {TunerState::kBackoff, TunerEvent::kRetry, TunerState::kTuning},
    {TunerState::kBackoff, TunerEvent::kDropped, TunerState::kFree},
    {TunerState::kAbsent, TunerEvent::kAssigned, TunerState::kTuning},
    {TunerState::kAbsent, TunerEvent::kRetry, TunerState::kTuning},
    {TunerState::kAbsent, TunerEvent::kDropped, TunerState::kAbsent},
    {TunerState::kClosing, TunerEvent::kExited, TunerState::kFree},
    {TunerState::kClosing, TunerEvent::kNoDevice, TunerState::kAbsent},
    {TunerState::kClosing, TunerEvent::kAssigned, TunerState::kClosing},
}};

std::optional<TunerState> Next(TunerState from, TunerEvent event);
std::string_view ToString(TunerState state);
std::string_view ToString(TunerEvent event);

}  // namespace headwater::tuner
