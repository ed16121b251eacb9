#include "services/dvb-tuner/tuner_pool.h"

#include <algorithm>
#include <compare>
#include <tuple>

namespace headwater::tuner {
namespace {

size_t Abilities(const TunerOptions& options) {
  // No positions: all of them.
  constexpr size_t kAnyPosition = 16;
  return options.systems.size() * 32 +
         (options.positions.empty() ? kAnyPosition : options.positions.size());
}

bool IsFree(const TunerUse& use) { return !use.priority && !use.scanning; }

// The smaller is taken first: one that is there, holds nothing, has been idle for longer, can do
// less.
auto FreeRank(const TunerUse& use) {
  return std::make_tuple(use.absent, !use.carrier.empty(),
                         use.carrier.empty() ? MonoTime{} : use.idle_since,
                         Abilities(*use.options));
}

}  // namespace

bool CanReceive(const TunerOptions& tuner, const Carrier& carrier, bool whole_carrier) {
  if ((carrier.system == DeliverySystem::kNetwork) != (tuner.kind == TunerKind::kNetwork)) {
    return false;
  }
  if (whole_carrier && tuner.pid_filter) return false;
  if (tuner.kind == TunerKind::kNetwork) return true;
  if (std::ranges::find(tuner.systems, carrier.system) == tuner.systems.end()) return false;
  return carrier.position.empty() || tuner.positions.empty() ||
         std::ranges::find(tuner.positions, carrier.position) != tuner.positions.end();
}

TunerChoice ChooseTuner(std::span<const TunerUse> tuners, const TunerNeed& need) {
  using enum TunerChoice::Kind;
  std::optional<size_t> free, scanned, lowest;
  bool possible = false;
  for (size_t i = 0; i < tuners.size(); ++i) {
    const TunerUse& use = tuners[i];
    if (!CanReceive(*use.options, *need.carrier, need.whole_carrier)) continue;
    possible = true;
    if (use.carrier == need.carrier->id && !use.absent) return {kShare, i};
    if (IsFree(use)) {
      if (!free || FreeRank(use) < FreeRank(tuners[*free])) free = i;
    } else if (!use.priority) {
      if (!scanned) scanned = i;
    } else if (!lowest || *use.priority < *tuners[*lowest].priority) {
      lowest = i;
    }
  }
  if (free && !(tuners[*free].absent && (scanned || lowest) && need.priority)) {
    return {kTake, *free};
  }
  if (need.priority && scanned) return {kPreempt, *scanned};
  if (need.priority && lowest && *tuners[*lowest].priority < *need.priority) {
    return {kPreempt, *lowest};
  }
  if (free) return {kTake, *free};
  return {possible ? kBusy : kImpossible, 0};
}

}  // namespace headwater::tuner
