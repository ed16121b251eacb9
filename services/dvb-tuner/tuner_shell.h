#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/dvb-tuner/carriers_file.h"
#include "services/dvb-tuner/guide.h"
#include "services/dvb-tuner/input_shell.h"
#include "services/dvb-tuner/lineup.h"
#include "services/dvb-tuner/options.h"
#include "services/dvb-tuner/reception.h"
#include "services/dvb-tuner/run_shell.h"
#include "services/dvb-tuner/scanner.h"

namespace headwater::tuner {

// Whether the carriers file is right; a line for each error.
absl::Status CheckCarriers(const Options& options);

// Told of what has changed, on the loop's thread; the new state is read from the shell.
class TunerObserver {
 public:
  virtual ~TunerObserver() = default;
  virtual void OnLease(uint32_t number) = 0;
  virtual void OnTuners() = 0;
  virtual void OnCarrier(const std::string& id) = 0;
  virtual void OnGuide(const ServiceKey& service) = 0;
};

// The processes, sockets and files around Reception, Lineup, Guide and Scanner. On the loop's
// thread.
class TunerShell final : public RunObserver {
 public:
  struct Folders {
    std::string run;    // of this instance alone; made here
    std::string state;  // path, without an ending, of the files that must survive a restart
  };

  // INVALID_ARGUMENT: a carriers file with errors, each in a line.
  static absl::StatusOr<std::unique_ptr<TunerShell>> Open(EventLoop& loop, Logger& log,
                                                          const Options& options,
                                                          const Folders& folders);
  ~TunerShell() override;

  void SetObserver(TunerObserver* observer) { observer_ = observer; }

  // As in the proto. `source` is filled in.
  absl::Status Acquire(uint64_t epoch, LeaseRequest request);
  absl::Status Release(uint64_t epoch, uint32_t number);
  void SetWatched(bool watched);

  // One at a time: RESOURCE_EXHAUSTED while another runs. `on_end` comes once, unless it is
  // cancelled.
  struct ScanCallbacks {
    absl::AnyInvocable<void(const ScanStep&)> on_step;
    absl::AnyInvocable<void(const ScanResult&)> on_end;
  };
  absl::Status BeginScan(const ScanRequest& request, ScanCallbacks callbacks);
  void CancelScan();

  // Reads the carriers file again and takes what can change live; returns the keys that need a
  // restart. An error leaves all as it was.
  absl::StatusOr<std::vector<std::string>> Reload(const Options& options);
  // No more leases are served: every dvblast ends.
  void StopAll();

  // How long each lease that is being sent by now has taken, since it was last asked.
  std::vector<Duration> TakeStartTimes() { return reception_.TakeStartTimes(); }

  const Reception& reception() const { return reception_; }
  const Lineup& lineup() const { return lineup_; }
  const Guide& guide() const { return guide_; }
  bool scanning() const { return scanner_ != nullptr; }
  uint64_t bad_sections() const;
  absl::Time ToWall(MonoTime time) const;

  void OnRunEvent(uint64_t run, const DvblastEvent& event) override;
  void OnRunExited(uint64_t run, const std::string& how) override;
  void OnRunConfigured(uint64_t run, uint64_t generation) override;
  void OnRunTables(uint64_t run, const std::vector<SiTable>& tables) override;
  void OnRunMap(uint64_t run, uint16_t service_id, const mpegts::ProgramMap& map) override;
  void OnRunPid(uint64_t run, uint16_t pid, const PidStatus& status) override;
  void OnRunSignal(uint64_t run, const Signal& signal) override;

 private:
  struct Run {
    size_t tuner = 0;
    std::string carrier;
    std::unique_ptr<InputShell> input;  // null: dvblast's own
    std::unique_ptr<RunShell> shell;
  };

  TunerShell(EventLoop& loop, Logger& log, const Options& options, Folders folders);
  absl::Status LoadCarriers(const Options& options);
  void OnTimer();
  void OnTick();
  void OnTable(const Run& run, Lineup& lineup, const SiTable& table);
  void Perform(Actions actions);
  void Do(const StartRun& start);
  void Do(const StopRun& stop);
  void Do(const Configure& configure);
  void Do(const AskMap& ask);
  void Do(const AskPid& ask);
  RunShell* ShellOf(uint64_t run);
  // Null where dvblast receives by itself.
  absl::StatusOr<std::unique_ptr<InputShell>> OpenInput(const Tuner& tuner, uint64_t run);
  void ContinueScan();
  void SaveCarriers();
  void SaveIfDue();
  void SaveLineupNow();
  void Publish();
  void LogLease(uint32_t number);
  void LogTuners();
  void Rearm();

  EventLoop& loop_;
  Logger& log_;
  Options options_;
  const Folders folders_;
  Reception reception_;
  CarriersFile carriers_file_;
  Lineup lineup_;
  Guide guide_;
  std::unique_ptr<Scanner> scanner_;
  ScanCallbacks scan_callbacks_;
  std::map<uint64_t, Run> runs_;
  // Those that have ended, until no callback of theirs is on the stack.
  std::vector<Run> ended_;
  TunerObserver* observer_ = nullptr;
  uint64_t epoch_ = 0;
  bool unsaved_ = false;
  MonoTime saved_{};
  uint64_t bad_sections_ended_ = 0;
  std::map<uint32_t, std::string> logged_leases_;
  std::vector<std::string> logged_tuners_;
  EventLoop::TimerId timer_ = 0;
  MonoTime armed_ = kNever;
  EventLoop::TimerId tick_timer_ = 0;
};

}  // namespace headwater::tuner
