#include "services/mcast-monitor/event_log.h"

#include <algorithm>
#include <utility>

namespace headwater::monitor {

void EventLog::Restore(std::vector<Event> events) {
  for (Event& event : events) {
    last_id_ = std::max(last_id_, event.id);
    recent_.push_back(std::move(event));
    if (recent_.size() > kRecentMax) recent_.pop_front();
  }
}

const Event& EventLog::Add(Event event) {
  // Microseconds since 1970 as long as the clock does not run backwards and no two are alike.
  event.id = std::max(last_id_ + 1,
                      static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMicros(event.time), 1)));
  last_id_ = event.id;
  event.repeated = Remember(event.digest, event.time);
  if (event.repeated) ++repeated_;
  const size_t facility = event.facility ? *event.facility : kFacilities;
  ++counts_[static_cast<size_t>(event.kind)][facility][event.severity];
  if (recent_.size() >= kRecentMax) recent_.pop_front();
  recent_.push_back(std::move(event));
  return recent_.back();
}

bool EventLog::Remember(uint64_t digest, absl::Time time) {
  while (!order_.empty() &&
         (order_.size() >= kDigestsMax || time - order_.front().time > kRepeatWindow)) {
    const auto found = seen_.find(order_.front().digest);
    if (found != seen_.end() && found->second == order_.front().time) seen_.erase(found);
    order_.pop_front();
  }
  const auto [entry, fresh] = seen_.try_emplace(digest, time);
  const bool repeated = !fresh && absl::AbsDuration(time - entry->second) <= kRepeatWindow;
  entry->second = time;
  order_.push_back({digest, time});
  return repeated;
}

}  // namespace headwater::monitor
