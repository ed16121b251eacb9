#pragma once

#include <cstdint>
#include <map>

#include "services/common/time/mono_time.h"
#include "services/session-manager/outlet.h"

namespace headwater::session_manager {

// The dvb-tuner as the manager knows it. Its list outlives a lost stream: it is the newest that is
// known. As many leases as the tuner lists, and one a number that is wanted.
struct Tuner {
  struct Lease {
    LeaseOutlet outlet;
    // When the reconciler has to look at it again.
    MonoTime wake = kNever;
  };

  bool synced = false;
  // By the station's number.
  std::map<uint32_t, Lease> leases;
};

}  // namespace headwater::session_manager
