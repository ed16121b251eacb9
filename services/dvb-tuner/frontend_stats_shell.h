#pragma once

#include "services/dvb-tuner/tuner.h"

namespace headwater::tuner {

// What the driver of /dev/dvb/adapterA/frontendF tells of its reception by DVBv5 statistics, which
// dvblast 3.4 does not read; opened for reading, beside dvblast. What it does not tell stays as it
// is in `signal`.
void ReadFrontendStats(int adapter, int frontend, Signal& signal);

}  // namespace headwater::tuner
