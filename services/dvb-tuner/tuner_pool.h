#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "services/common/time/mono_time.h"
#include "services/dvb-tuner/carrier.h"
#include "services/dvb-tuner/options.h"

namespace headwater::tuner {

// What a tuner has, as far as who gets it depends on it.
struct TunerUse {
  const TunerOptions* options = nullptr;
  // What it is tuned to, wanted or still held; empty: nothing.
  std::string carrier;
  // The highest of the leases that share it; nothing: nobody needs it.
  std::optional<uint32_t> priority;
  // A scan has it and gives it up at once.
  bool scanning = false;
  bool absent = false;
  // Since when nobody has needed it.
  MonoTime idle_since{};
};

// What is asked for.
struct TunerNeed {
  const Carrier* carrier = nullptr;
  bool whole_carrier = false;
  // Nothing: a scan's, which takes free tuners alone.
  std::optional<uint32_t> priority;
};

struct TunerChoice {
  enum class Kind : uint8_t {
    kShare,       // tuned to it already
    kTake,        // free
    kPreempt,     // those who have it now lose it
    kBusy,        // all that could are taken
    kImpossible,  // none here could ever
  };
  Kind kind = Kind::kImpossible;
  size_t tuner = 0;
  bool operator==(const TunerChoice&) const = default;
};

bool CanReceive(const TunerOptions& tuner, const Carrier& carrier, bool whole_carrier);

// The rule: share; else a free one; else one that a scan has; else the one whose leases have the
// lowest priority, if that is lower than what is asked with. Of free ones that which has been idle
// longest, for somebody may come back to what a fresh one is tuned to, and of those that which can
// do least, to keep the able ones for what needs them.
TunerChoice ChooseTuner(std::span<const TunerUse> tuners, const TunerNeed& need);

}  // namespace headwater::tuner
