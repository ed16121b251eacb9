#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "services/common/mpegts/psi.h"
#include "services/common/time/mono_time.h"
#include "services/dvb-tuner/carrier.h"
#include "services/dvb-tuner/dvblast_config.h"
#include "services/dvb-tuner/dvblast_control.h"
#include "services/dvb-tuner/dvblast_events.h"
#include "services/dvb-tuner/lease.h"
#include "services/dvb-tuner/options.h"
#include "services/dvb-tuner/tuner.h"
#include "services/dvb-tuner/tuner_pool.h"

namespace headwater::tuner {

// What the shell is to do. Runs are dvblast processes; a run that has ended is done with.
struct StartRun {
  size_t tuner;
  uint64_t run;
};
struct StopRun {
  size_t tuner;
  uint64_t run;
};
// The tuner's outputs have changed: have dvblast read Outputs(tuner), then call OnConfigured.
struct Configure {
  size_t tuner;
  uint64_t run;
};
struct AskMap {
  uint64_t run;
  uint16_t service_id;
};
struct AskPid {
  uint64_t run;
  uint16_t pid;
};
using Action = std::variant<StartRun, StopRun, Configure, AskMap, AskPid>;
using Actions = std::vector<Action>;

// Who receives what: leases, the tuners that serve them, and what dvblast reports. Leases that
// share a carrier share its tuner; what comes and goes among them changes the outputs of the one
// process and never stops it.
class Reception {
 public:
  Reception(const ReceptionOptions& options, std::vector<TunerOptions> tuners);

  void SetOptions(const ReceptionOptions& options);

  // Idempotent by number; a failed lease begins anew, one for another service is replaced.
  // RESOURCE_EXHAUSTED and FAILED_PRECONDITION as in the proto; then nothing has changed.
  absl::Status Acquire(const LeaseRequest& request, const Carrier& carrier, MonoTime now,
                       Actions& actions);
  void Release(uint32_t number, MonoTime now, Actions& actions);
  void SetWatched(bool watched, MonoTime now);

  void OnEvent(uint64_t run, const DvblastEvent& event, MonoTime now, Actions& actions);
  void OnExited(uint64_t run, const std::string& text, MonoTime now, Actions& actions);
  // dvblast has read what Outputs was at `generation`.
  void OnConfigured(uint64_t run, uint64_t generation, MonoTime now);
  // What the newest PAT of the run's carrier has.
  void OnPrograms(uint64_t run, const std::set<uint16_t>& programs, MonoTime now);
  void OnMap(uint64_t run, uint16_t service_id, const mpegts::ProgramMap& map, MonoTime now);
  void OnPid(uint64_t run, uint16_t pid, const PidStatus& status, MonoTime now, Actions& actions);
  void OnSignal(uint64_t run, const Signal& signal);

  void OnTime(MonoTime now, Actions& actions);
  MonoTime NextDeadline() const;

  // For a scan, which has one tuner at a time and is not asked when somebody needs it. INTERNAL
  // never; RESOURCE_EXHAUSTED: none is free now; FAILED_PRECONDITION: none could.
  absl::Status TakeForScan(const Carrier& carrier, MonoTime now, Actions& actions);
  void EndScan(MonoTime now, Actions& actions);
  // Nothing when it has been taken away.
  std::optional<size_t> scan_tuner() const { return scan_tuner_; }

  const std::vector<Tuner>& tuners() const { return tuners_; }
  const Tuner* TunerOfRun(uint64_t run) const;
  const std::map<uint32_t, Lease>& leases() const { return leases_; }
  std::vector<uint32_t> NumbersOf(size_t tuner) const;
  std::vector<DvblastOutput> Outputs(size_t tuner) const;
  uint64_t generation(size_t tuner) const { return use_[tuner].generation; }

  // Numbers of leases and whether any tuner has changed, since it was last asked.
  std::set<uint32_t> TakeChangedLeases() { return std::exchange(changed_leases_, {}); }
  bool TakeTunersChanged() { return std::exchange(tuners_changed_, false); }

  // From Acquire to the first time that a lease was being sent.
  std::vector<Duration> TakeStartTimes() { return std::exchange(start_times_, {}); }

  struct Stats {
    uint64_t refused_busy = 0;
    uint64_t refused_impossible = 0;
    uint64_t preempted = 0;
    std::map<std::string, uint64_t, std::less<>> failed;  // by reason
  };
  const Stats& stats() const { return stats_; }

 private:
  struct Use {
    MonoTime idle_since{};
    uint64_t generation = 0;
  };

  std::vector<TunerUse> Uses() const;
  std::string Holders(const Carrier& carrier, bool whole) const;
  absl::Status Place(Lease& lease, const Carrier& carrier, MonoTime now, Actions& actions);
  void Attach(Lease& lease, size_t tuner, const Carrier& carrier, MonoTime now, Actions& actions);
  void LeaveAbsent(size_t tuner, MonoTime now, Actions& actions);
  void Vacate(size_t tuner, const std::string& by, MonoTime now, Actions& actions);
  void Detach(Lease& lease, MonoTime now, Actions& actions);
  void Fail(Lease& lease, std::string_view reason, std::string error, MonoTime now,
            Actions& actions);
  void Reconfigure(size_t tuner, Actions& actions);
  void SetState(Lease& lease, LeaseState state, MonoTime now);
  void Perform(size_t tuner, Tuner::Orders orders, MonoTime now, Actions& actions);
  void FollowTuner(size_t tuner, MonoTime now);
  void CheckLease(Lease& lease, MonoTime now, Actions& actions);
  void CheckPatience(Lease& lease, MonoTime now, Actions& actions);
  void Ask(Lease& lease, MonoTime now, Actions& actions);
  void ExpireLeases(MonoTime now, Actions& actions);
  MonoTime DeadlineOf(const Lease& lease) const;
  std::optional<size_t> IndexOfRun(uint64_t run) const;
  bool Needed(size_t tuner) const;

  ReceptionOptions options_;
  std::vector<TunerOptions> tuner_options_;
  std::vector<Tuner> tuners_;
  std::vector<Use> use_;
  std::map<uint32_t, Lease> leases_;
  std::map<uint64_t, std::set<uint16_t>> programs_;  // by run
  std::optional<size_t> scan_tuner_;
  uint64_t next_run_ = 1;
  bool watched_ = false;
  MonoTime unwatched_since_{};
  std::set<uint32_t> changed_leases_;
  bool tuners_changed_ = true;
  std::vector<Duration> start_times_;
  Stats stats_;
};

}  // namespace headwater::tuner
