#pragma once

#include <cstdint>
#include <string>

#include "services/common/time/mono_time.h"
#include "services/mcast-bridge/bridge_rules.h"
#include "services/mcast-bridge/hygiene.h"

namespace headwater::bridge {

struct Options {
  Plan plan;
  HygieneOptions hygiene;
  // Program to run; without a slash found by PATH.
  std::string smcrouted = "smcrouted";
  // The bits that are set in the mark of packets that may cross.
  uint32_t mark = 0x40000000;
  // A (*,G) route of a source that has been silent for so long is taken out of the kernel.
  Duration cache_timeout = 60s;
  // How often this machine is looked at again.
  Duration check_period = 10s;
};

}  // namespace headwater::bridge
