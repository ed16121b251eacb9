#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/common/time/mono_time.h"
#include "services/dvb-tuner/lineup.h"
#include "services/dvb-tuner/reception.h"
#include "services/dvb-tuner/si_collector.h"

namespace headwater::tuner {

struct ScanRequest {
  std::vector<std::string> carriers;  // empty: all that the file has
  bool follow = true;                 // what their NITs list
  bool dry_run = false;
};

struct ScanStep {
  std::string carrier;
  size_t done = 0;
  size_t total = 0;
  std::string error;  // empty: read
  Signal signal;
  size_t services = 0;
};

struct ScanResult {
  std::vector<LineupChange> changes;
  size_t carriers = 0;
  size_t services = 0;
  size_t failed = 0;
};

// One scan: carrier by carrier, on whichever tuner is free, until none is left. A carrier that has
// lost its tuner to somebody who needs it comes once more at the end.
class Scanner {
 public:
  // For a lock, for the tables behind it, and for a tuner to become free.
  static constexpr Duration kLockPatience = 12s;
  static constexpr Duration kTablesPatience = 12s;
  static constexpr Duration kTunerPatience = 60s;
  static constexpr size_t kCarriersMax = 1024;

  // What is read goes into `lineup`, or with a dry run into a copy. NOT_FOUND names a carrier that
  // is none; FAILED_PRECONDITION: none to begin with.
  static absl::StatusOr<Scanner> Begin(const ScanRequest& request, Lineup& lineup, MonoTime now);

  // Where tables of the scanned carrier belong; null: into the lineup of all.
  Lineup* dry_lineup() { return request_.dry_run ? &copy_ : nullptr; }
  // Goes on as far as it can. `collector` is the scan tuner's, null when there is none.
  void OnTime(MonoTime now, Reception& reception, const SiCollector* collector,
              std::vector<ScanStep>& steps, Actions& actions);
  MonoTime NextDeadline() const { return deadline_; }
  bool finished() const { return finished_; }
  ScanResult Result() const;

 private:
  Scanner(ScanRequest request, Lineup& lineup)
      : request_(std::move(request)), lineup_(&lineup), before_(lineup), copy_(lineup) {}
  const Lineup& target() const { return request_.dry_run ? copy_ : *lineup_; }
  void Follow(const LineupCarrier& from);
  void EndStep(std::string error, const Signal& signal, std::vector<ScanStep>& steps);
  void TakeNext(MonoTime now, Reception& reception, std::vector<ScanStep>& steps, Actions& actions);
  void Look(MonoTime now, Reception& reception, const SiCollector* collector,
            std::vector<ScanStep>& steps);

  ScanRequest request_;
  Lineup* lineup_;
  Lineup before_;
  Lineup copy_;
  std::deque<std::string> waiting_;
  std::set<std::string> queued_;  // ever
  std::set<std::string> repeated_;
  std::string current_;
  bool locked_ = false;
  MonoTime since_{};  // of the step's phase, or of the wait for a tuner
  size_t done_ = 0;
  size_t failed_ = 0;
  MonoTime deadline_{};
  bool finished_ = false;
};

}  // namespace headwater::tuner
