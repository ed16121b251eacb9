#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/directory-resolver/catalogue.h"

namespace headwater::directory_resolver {

// What plays and checks have shown of a station.
struct StationHealth {
  uint64_t plays = 0;
  uint64_t plays_failed = 0;
  uint64_t checks = 0;
  uint64_t checks_failed = 0;
  // InfinitePast: never.
  absl::Time last_ok = absl::InfinitePast();
  absl::Time last_failed = absl::InfinitePast();
  // Of the newest failure, one line.
  std::string error;
  // Since the last success.
  uint32_t failures_in_row = 0;

  bool operator==(const StationHealth&) const = default;
};

// One play or check.
struct PlayResult {
  bool ok = false;
  // Nobody listened.
  bool check = false;
  // One line; cleaned when it is kept.
  std::string error;
};

// What people and plays have said of stations, by number; it holds whatever the directories say. It
// grows with what people mark and with the stations that are played. Not thread-safe.
class StationMarks {
 public:
  // A second number of a station.
  struct Alias {
    uint32_t number = 0;
    bool favourite = false;

    bool operator==(const Alias&) const = default;
  };

  bool IsDisabled(uint32_t number) const { return disabled_.contains(number); }
  void SetDisabled(uint32_t number, bool disabled);
  const absl::flat_hash_set<uint32_t>& disabled() const { return disabled_; }

  // The station's own number, whether asked by that or by an alias.
  uint32_t First(uint32_t number) const;
  // By alias, ascending.
  const std::map<uint32_t, Alias>& aliases() const { return aliases_; }
  void SetAlias(uint32_t alias, const Alias& of) { aliases_[alias] = of; }
  void RemoveAlias(uint32_t alias) { aliases_.erase(alias); }

  // Null when it was never played or checked.
  const StationHealth* HealthOf(uint32_t number) const;
  void SetHealth(uint32_t number, StationHealth health);
  const StationHealth& OnResult(uint32_t number, const PlayResult& result, absl::Time now);
  bool IsFailing(uint32_t number) const;
  size_t failing() const { return failing_; }

  // A station that has waited for a play or a check longer than `age`; null when none is found.
  // They take turns by number, and a call looks at kLookedAtMax of them and no more, so that it
  // holds nobody up. One that is named is not named again within `age`, whatever becomes of it.
  static constexpr size_t kLookedAtMax = 1000;
  const Station* NextCheck(const Catalogue& catalogue, absl::Time now, absl::Duration age);

 private:
  absl::flat_hash_set<uint32_t> disabled_;
  std::map<uint32_t, Alias> aliases_;
  absl::flat_hash_map<uint32_t, StationHealth> health_;
  size_t failing_ = 0;
  // When NextCheck has named them.
  absl::flat_hash_map<uint32_t, absl::Time> named_;
  // Whose turn it is, or the next above.
  uint32_t next_turn_ = 0;
};

}  // namespace headwater::directory_resolver
