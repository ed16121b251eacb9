#include "services/session-manager/timeline.h"

#include <algorithm>

namespace headwater::session_manager {

void Timeline::Add(absl::Time time, std::string_view step, std::string text) {
  if (steps_.size() == kStepsMax) steps_.erase(steps_.begin() + kFirstMax);
  steps_.push_back({.time = time, .step = step, .text = std::move(text)});
}

std::vector<TimelineStep> Timeline::Steps() const {
  std::vector<TimelineStep> steps(steps_.begin(), steps_.end());
  std::stable_sort(steps.begin(), steps.end(),
                   [](const TimelineStep& a, const TimelineStep& b) { return a.time < b.time; });
  return steps;
}

}  // namespace headwater::session_manager
