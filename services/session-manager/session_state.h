#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace headwater::session_manager {

enum class State { kIdle, kResolving, kStarting, kLive, kLingering, kFailed };
inline constexpr size_t kStateCount = 6;

// What can happen to a session.
enum class Event {
  // A listener is there.
  kWanted,
  // The same, for a session that is being sent already.
  kWantedWhileSending,
  // The last listener has gone.
  kUnwanted,
  // Found running at a sender.
  kAdopted,
  // Station and sender known, within the limits.
  kPlaced,
  // No station, no sender or no room.
  kRefused,
  // First RTP has left.
  kSending,
  // Timed out, or the packager gave up.
  kFailed,
  // The packager has forgotten it: restarted. Or its sender is gone, and another one has it now.
  kLost,
  // Handed over to another sender.
  kMoved,
  // Backoff is over, or room has been made.
  kRetry,
  // Nobody came back.
  kLingerOver,
  // A start that was refused for want of room takes its place.
  kDisplaced,
  // The plan no longer holds the group.
  kUnbound,
};

struct Transition {
  State from;
  Event event;
  State to;
};

// Every transition there is; an event without a row is ignored and counted. The README shows this
// table, and a test compares the two.
inline constexpr std::array kTransitions = {
    Transition{State::kIdle, Event::kWanted, State::kResolving},
    Transition{State::kIdle, Event::kAdopted, State::kStarting},
    Transition{State::kResolving, Event::kPlaced, State::kStarting},
    Transition{State::kResolving, Event::kAdopted, State::kStarting},
    Transition{State::kResolving, Event::kRefused, State::kFailed},
    Transition{State::kResolving, Event::kUnwanted, State::kIdle},
    Transition{State::kResolving, Event::kUnbound, State::kIdle},
    Transition{State::kStarting, Event::kSending, State::kLive},
    Transition{State::kStarting, Event::kUnwanted, State::kLingering},
    Transition{State::kStarting, Event::kFailed, State::kFailed},
    Transition{State::kStarting, Event::kUnbound, State::kIdle},
    Transition{State::kLive, Event::kUnwanted, State::kLingering},
    Transition{State::kLive, Event::kFailed, State::kFailed},
    Transition{State::kLive, Event::kLost, State::kStarting},
    Transition{State::kLive, Event::kMoved, State::kStarting},
    Transition{State::kLive, Event::kUnbound, State::kIdle},
    Transition{State::kLingering, Event::kWanted, State::kStarting},
    Transition{State::kLingering, Event::kWantedWhileSending, State::kLive},
    Transition{State::kLingering, Event::kFailed, State::kIdle},
    Transition{State::kLingering, Event::kLost, State::kIdle},
    Transition{State::kLingering, Event::kLingerOver, State::kIdle},
    Transition{State::kLingering, Event::kDisplaced, State::kIdle},
    Transition{State::kLingering, Event::kUnbound, State::kIdle},
    Transition{State::kFailed, Event::kRetry, State::kResolving},
    Transition{State::kFailed, Event::kAdopted, State::kStarting},
    Transition{State::kFailed, Event::kUnwanted, State::kIdle},
    Transition{State::kFailed, Event::kUnbound, State::kIdle},
};

// Nothing when the table has no such row.
std::optional<State> NextState(State from, Event event);

// "Idle", "Resolving", ... as in the README.
std::string_view ToString(State state);
std::string_view ToString(Event event);

// Called for, opened or being sent at a sender.
inline bool IsActive(State state) {
  return state == State::kStarting || state == State::kLive || state == State::kLingering;
}

}  // namespace headwater::session_manager
