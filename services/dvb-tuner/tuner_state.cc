#include "services/dvb-tuner/tuner_state.h"

namespace headwater::tuner {

std::optional<TunerState> Next(TunerState from, TunerEvent event) {
  for (const TunerTransition& row : kTunerTransitions) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

std::string_view ToString(TunerState state) {
  constexpr std::array<std::string_view, 7> kNames = {"free",    "tuning", "locked", "lost",
                                                      "backoff", "absent", "closing"};
  return kNames[static_cast<size_t>(state)];
}

std::string_view ToString(TunerEvent event) {
  constexpr std::array<std::string_view, 7> kNames = {"assigned",  "lock",  "unlock", "exited",
                                                      "no device", "retry", "dropped"};
  return kNames[static_cast<size_t>(event)];
}

}  // namespace headwater::tuner
