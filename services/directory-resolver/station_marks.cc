#include "services/directory-resolver/station_marks.h"

#include <algorithm>

#include "services/common/text/clean_text.h"

namespace headwater::directory_resolver {

void StationMarks::SetDisabled(uint32_t number, bool disabled) {
  if (disabled) {
    disabled_.insert(number);
  } else {
    disabled_.erase(number);
  }
}

uint32_t StationMarks::First(uint32_t number) const {
  const auto alias = aliases_.find(number);
  return alias == aliases_.end() ? number : alias->second.number;
}

const StationHealth* StationMarks::HealthOf(uint32_t number) const {
  const auto found = health_.find(number);
  return found == health_.end() ? nullptr : &found->second;
}

const StationHealth& StationMarks::OnResult(uint32_t number, const PlayResult& result,
                                            absl::Time now) {
  StationHealth& health = health_[number];
  ++(result.check ? health.checks : health.plays);
  if (result.ok) {
    health.last_ok = now;
    health.failures_in_row = 0;
  } else {
    ++(result.check ? health.checks_failed : health.plays_failed);
    ++health.failures_in_row;
    health.last_failed = now;
    health.error = CleanText(result.error, 256);
  }
  return health;
}

bool StationMarks::IsFailing(uint32_t number) const {
  const StationHealth* health = HealthOf(number);
  return health != nullptr && health->failures_in_row > 0;
}

size_t StationMarks::failing() const {
  return static_cast<size_t>(std::count_if(health_.begin(), health_.end(), [](const auto& row) {
    return row.second.failures_in_row > 0;
  }));
}

const Station* StationMarks::NextCheck(const Catalogue& catalogue, absl::Time now,
                                       absl::Duration age) {
  const Station* next = nullptr;
  absl::Time oldest = now - age;
  for (const Station& station : catalogue.stations()) {
    if (station.kind != StationKind::kHttp || IsDisabled(station.number)) continue;
    absl::Time seen = absl::InfinitePast();
    if (const StationHealth* health = HealthOf(station.number))
      seen = std::max(health->last_ok, health->last_failed);
    if (const auto named = named_.find(station.number); named != named_.end())
      seen = std::max(seen, named->second);
    if (seen > oldest || (next != nullptr && seen == oldest)) continue;
    next = &station;
    oldest = seen;
  }
  if (next != nullptr) named_[next->number] = now;
  return next;
}

}  // namespace headwater::directory_resolver
