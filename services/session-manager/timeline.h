#pragma once

#include <absl/time/time.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace headwater::session_manager {

// A step of a session's story. `step` is of the closed set in session.proto.
struct TimelineStep {
  absl::Time time;
  std::string_view step;
  std::string text;
};

// The story of one session: the first 16 steps, which tell the start, and the newest 48. Steps
// arrive in any order (the packager's times come late) and are told by time.
class Timeline {
 public:
  static constexpr size_t kFirstMax = 16;
  static constexpr size_t kStepsMax = 64;

  // `step` must be a literal.
  void Add(absl::Time time, std::string_view step, std::string text);
  // Oldest first.
  std::vector<TimelineStep> Steps() const;

 private:
  std::deque<TimelineStep> steps_;
};

}  // namespace headwater::session_manager
