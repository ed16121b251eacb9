#include "services/session-manager/station_cache.h"

#include <algorithm>
#include <utility>

namespace headwater::session_manager {

const Station* StationCache::Find(uint32_t number, MonoTime now) const {
  const auto entry = entries_.find(number);
  if (entry == entries_.end() || !entry->second.station) return nullptr;
  return now < entry->second.at + ttl_ ? &*entry->second.station : nullptr;
}

bool StationCache::BeginResolve(uint32_t number, MonoTime now) {
  if (!entries_.contains(number)) MakeRoom();
  Entry& entry = entries_[number];
  if (entry.asking || now < entry.not_before) return false;
  entry.asking = true;
  return true;
}

MonoTime StationCache::NextResolve(uint32_t number) const {
  const auto entry = entries_.find(number);
  if (entry == entries_.end()) return MonoTime{};
  return entry->second.asking ? kNever : entry->second.not_before;
}

void StationCache::OnStation(uint32_t number, Station station, MonoTime now) {
  Entry& entry = entries_[number];
  entry = {.station = std::move(station), .at = now};
}

void StationCache::OnFailure(uint32_t number, MonoTime now) {
  Entry& entry = entries_[number];
  entry = {.at = now, .not_before = now + kRetry};
}

void StationCache::Learn(uint32_t number, const MediaFormat& format) {
  const auto entry = entries_.find(number);
  if (entry != entries_.end() && entry->second.station)
    entry->second.station->known_format = format;
}

void StationCache::Drop(uint32_t number) {
  const auto entry = entries_.find(number);
  if (entry != entries_.end()) entry->second.station.reset();
}

void StationCache::Clear() {
  for (auto& [number, entry] : entries_) entry.station.reset();
}

void StationCache::MakeRoom() {
  if (entries_.size() < kStationsMax) return;
  auto oldest =
      std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
        return std::pair(a.second.asking, a.second.at) < std::pair(b.second.asking, b.second.at);
      });
  entries_.erase(oldest);
}

}  // namespace headwater::session_manager
