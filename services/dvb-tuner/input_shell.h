#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "services/common/loop/event_loop.h"
#include "services/dvb-tuner/options.h"
#include "services/dvb-tuner/tuner.h"

namespace headwater::tuner {

// Fetches what a dvblast without a card of its own is to read by -D: of a SAT>IP server, of a file.
// On the loop's thread.
class InputShell {
 public:
  struct Callbacks {
    // Once: it is over, and why.
    absl::AnyInvocable<void(const std::string& error)> on_failure;
    absl::AnyInvocable<void(const Signal& signal)> on_signal;
  };
  virtual ~InputShell() = default;
  // Value of -D.
  virtual std::string dvblast_input() const = 0;
};

// SETUP and PLAY of a carrier at the tuner's server; dvblast reads the RTP itself.
absl::StatusOr<std::unique_ptr<InputShell>> OpenSatip(EventLoop& loop, const TunerOptions& tuner,
                                                      const Carrier& carrier,
                                                      InputShell::Callbacks callbacks);
// A file of a transport stream, over and over, at the pace of its clock.
absl::StatusOr<std::unique_ptr<InputShell>> OpenFile(EventLoop& loop, const std::string& path,
                                                     InputShell::Callbacks callbacks);

}  // namespace headwater::tuner
