#pragma once

#include <string>
#include <string_view>

#include "headwater/tuner/v1/tuner.pb.h"

namespace headwater {

// A tuner's signal to be read from a roof: whether it is locked in words, the figure that counts in
// digits ten rows high, and bars; 17 lines of at most 76 columns. Pure.
std::string DrawMeter(const tuner::v1::Tuner& tuner, bool colour);

// The same in one line, for what is no terminal.
std::string MeterLine(const tuner::v1::Tuner& tuner);

// The tuner to show: that of the name, or with none the first that is tuned to a carrier, or the
// first; null when there is none.
const tuner::v1::Tuner* TunerToShow(const tuner::v1::WatchTunersResponse& tuners,
                                    std::string_view name);

}  // namespace headwater
