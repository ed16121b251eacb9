#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "services/common/time/mono_time.h"
#include "services/dvb-tuner/carrier.h"
#include "services/dvb-tuner/dvblast_events.h"
#include "services/dvb-tuner/options.h"
#include "services/dvb-tuner/tuner_state.h"

namespace headwater::tuner {

// How well a carrier is received; what the driver does not tell is not there.
struct Signal {
  bool locked = false;
  std::optional<double> strength_dbm;
  std::optional<double> strength_ratio;
  std::optional<double> snr_db;
  std::optional<double> snr_ratio;
  std::optional<double> bit_error_rate;
  std::optional<uint64_t> uncorrected_blocks;
  bool operator==(const Signal&) const = default;
};

// One receiver and the dvblast that drives it: which carrier it is to have, and what has become of
// that. One process at a time: another carrier waits until the one before has ended, since a
// frontend has one user. Not for use by itself: Reception decides who gets what.
class Tuner {
 public:
  // What the caller has to do next; at most one of the two.
  struct Orders {
    bool start = false;  // dvblast for carrier(), as run()
    bool stop = false;   // the process of run()
  };

  Tuner(TunerOptions options, const ReceptionOptions& times)
      : options_(std::move(options)), times_(times) {}

  const TunerOptions& options() const { return options_; }
  TunerState state() const { return state_; }
  // What it is tuned to, or will be when it has closed; null: nothing.
  const Carrier* carrier() const { return carrier_ ? &*carrier_ : nullptr; }
  // Of the process; changes with every start. 0: there is none.
  uint64_t run() const { return run_; }
  const std::string& error() const { return error_; }
  // The closed set of Lease.error_reason: "no_lock", "no_card", "dvblast", "input".
  std::string_view reason() const;
  MonoTime retry() const { return retry_; }
  MonoTime state_since() const { return since_; }
  const Signal& signal() const { return signal_; }
  uint64_t bits_per_second() const { return bits_per_second_; }
  uint64_t continuity_errors_total() const { return continuity_errors_total_; }
  uint64_t transport_errors_total() const { return transport_errors_total_; }
  uint64_t restarts_total() const { return restarts_total_; }
  uint64_t lock_timeouts_total() const { return lock_timeouts_total_; }
  uint64_t locks_lost_total() const { return locks_lost_total_; }

  void SetTimes(const ReceptionOptions& times) { times_ = times; }
  // `run` becomes the process's, should one be started by this. The same carrier again is nothing.
  Orders Assign(const Carrier& carrier, uint64_t run, MonoTime now);
  Orders Drop(MonoTime now);
  Orders OnEvent(const DvblastEvent& event, MonoTime now);
  // `next_run` as in Assign: another carrier may be waiting.
  Orders OnExited(const std::string& text, uint64_t next_run, MonoTime now);
  Orders OnTime(uint64_t next_run, MonoTime now);
  MonoTime NextDeadline() const;
  void OnSignal(const Signal& signal) { signal_ = signal; }

 private:
  bool Fire(TunerEvent event, MonoTime now);
  Orders Start(uint64_t run, MonoTime now);
  Orders Stop();
  bool feeds_by_network() const { return options_.kind != TunerKind::kCard; }

  TunerOptions options_;
  ReceptionOptions times_;
  TunerState state_ = TunerState::kFree;
  std::optional<Carrier> carrier_;
  uint64_t run_ = 0;
  bool stopping_ = false;
  bool no_device_ = false;
  int failures_ = 0;  // in a row
  std::string error_;
  std::string message_;  // dvblast's newest
  MonoTime retry_ = kNever;
  MonoTime since_{};
  MonoTime silent_at_ = kNever;
  Signal signal_;
  uint64_t bits_per_second_ = 0;
  uint64_t continuity_errors_total_ = 0;
  uint64_t transport_errors_total_ = 0;
  uint64_t restarts_total_ = 0;
  uint64_t lock_timeouts_total_ = 0;
  uint64_t locks_lost_total_ = 0;
};

}  // namespace headwater::tuner
