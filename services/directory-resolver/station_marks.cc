#include "services/directory-resolver/station_marks.h"

#include <algorithm>
#include <utility>

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

void StationMarks::SetHealth(uint32_t number, StationHealth health) {
  failing_ -= IsFailing(number) ? 1 : 0;
  health_[number] = std::move(health);
  failing_ += IsFailing(number) ? 1 : 0;
}

const StationHealth& StationMarks::OnResult(uint32_t number, const PlayResult& result,
                                            absl::Time now) {
  StationHealth health;
  if (const StationHealth* before = HealthOf(number)) health = *before;
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
  SetHealth(number, std::move(health));
  return health_[number];
}

bool StationMarks::IsFailing(uint32_t number) const {
  const StationHealth* health = HealthOf(number);
  return health != nullptr && health->failures_in_row > 0;
}

const Station* StationMarks::NextCheck(const Catalogue& catalogue, absl::Time now,
                                       absl::Duration age) {
  const std::vector<Station>& stations = catalogue.stations();
  auto at = std::lower_bound(
      stations.begin(), stations.end(), next_turn_,
      [](const Station& station, uint32_t wanted) { return station.number < wanted; });
  for (size_t looks = std::min(stations.size(), kLookedAtMax); looks > 0; --looks) {
    if (at == stations.end()) at = stations.begin();
    const Station& station = *at++;
    next_turn_ = station.number + 1;
    if (station.kind != StationKind::kHttp || IsDisabled(station.number)) continue;
    absl::Time seen = absl::InfinitePast();
    if (const StationHealth* health = HealthOf(station.number))
      seen = std::max(health->last_ok, health->last_failed);
    if (const auto named = named_.find(station.number); named != named_.end())
      seen = std::max(seen, named->second);
    if (seen > now - age) continue;
    named_[station.number] = now;
    return &station;
  }
  return nullptr;
}

}  // namespace headwater::directory_resolver
