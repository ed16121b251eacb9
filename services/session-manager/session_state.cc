#include "services/session-manager/session_state.h"

namespace headwater::session_manager {

std::optional<State> NextState(State from, Event event) {
  for (const Transition& row : kTransitions) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

std::string_view ToString(State state) {
  switch (state) {
    case State::kIdle:
      return "Idle";
    case State::kResolving:
      return "Resolving";
    case State::kStarting:
      return "Starting";
    case State::kLive:
      return "Live";
    case State::kLingering:
      return "Lingering";
    case State::kFailed:
      return "Failed";
  }
  return "?";
}

std::string_view ToString(Event event) {
  switch (event) {
    case Event::kWanted:
      return "wanted";
    case Event::kWantedWhileSending:
      return "wanted while sending";
    case Event::kUnwanted:
      return "unwanted";
    case Event::kAdopted:
      return "adopted";
    case Event::kPlaced:
      return "placed";
    case Event::kRefused:
      return "refused";
    case Event::kSending:
      return "sending";
    case Event::kFailed:
      return "failed";
    case Event::kLost:
      return "lost";
    case Event::kMoved:
      return "moved";
    case Event::kRetry:
      return "retry";
    case Event::kLingerOver:
      return "linger over";
    case Event::kDisplaced:
      return "displaced";
    case Event::kUnbound:
      return "unbound";
  }
  return "?";
}

}  // namespace headwater::session_manager
