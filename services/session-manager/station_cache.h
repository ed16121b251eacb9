#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <optional>

#include "services/common/time/mono_time.h"
#include "services/session-manager/media.h"

namespace headwater::session_manager {

// Stations that the directory-resolver has told, for a short time, and which questions are under
// way. At most 4096 numbers; the one asked for longest ago makes room.
class StationCache {
 public:
  static constexpr size_t kStationsMax = 4096;
  // Before an unreachable resolver is asked again.
  static constexpr Duration kRetry = 200ms;

  explicit StationCache(Duration ttl) : ttl_(ttl) {}

  // Null when it is not known, or not well enough any more.
  const Station* Find(uint32_t number, MonoTime now) const;
  // Whether to ask now; true counts as asked.
  bool BeginResolve(uint32_t number, MonoTime now);
  // When BeginResolve may be true again; kNever while an answer is awaited.
  MonoTime NextResolve(uint32_t number) const;
  void OnStation(uint32_t number, Station station, MonoTime now);
  void OnFailure(uint32_t number, MonoTime now);
  // What a play has shown.
  void Learn(uint32_t number, const MediaFormat& format);
  // The next one asks anew.
  void Drop(uint32_t number);
  void Clear();

 private:
  struct Entry {
    std::optional<Station> station;
    MonoTime at{};
    bool asking = false;
    MonoTime not_before{};
  };
  void MakeRoom();

  Duration ttl_;
  std::map<uint32_t, Entry> entries_;
};

}  // namespace headwater::session_manager
