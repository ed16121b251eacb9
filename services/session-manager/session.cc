#include "services/session-manager/session.h"

#include <algorithm>

namespace headwater::session_manager {

bool Session::HasPresent() const {
  return std::any_of(links.begin(), links.end(),
                     [](const auto& entry) { return entry.second.present; });
}

uint32_t Session::members() const {
  uint32_t sum = 0;
  for (const auto& [name, use] : links) sum += use.present ? use.members : 0;
  return sum;
}

std::vector<std::string> Session::PresentLinks() const {
  std::vector<std::string> present;
  for (const auto& [name, use] : links) {
    if (use.present) present.push_back(name);
  }
  return present;
}

void Session::ClearRun() {
  sender.reset();
  format.reset();
  source_format.reset();
  info = StreamInfo{};
  ssrc = 0;
  sequence = 0;
  handed_over = false;
  last_sent = SentTimestamp{};
  origin = Origin{};
  source_url.clear();
  receivers = 0;
  fraction_lost_max = 0;
  transmit = false;
  pinned = false;
  expected = false;
  listed = false;
  silent = false;
  announced = false;
  announced_info.reset();
  play_reported = false;
  feed.clear();
  feed_source.clear();
  lease.reset();
  times = StartTimes{};
  move.reset();
  move_at = MonoTime{};
  move_attempts = 0;
  move_obstacle.clear();
  for (auto& [name, use] : links) {
    use.admitted = false;
    use.cleared = false;
    use.announce_by = kNever;
    use.late_join.reset();
  }
}

}  // namespace headwater::session_manager
