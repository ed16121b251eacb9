#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/common/loop/event_loop.h"
#include "services/common/process/child_process.h"
#include "services/dvb-tuner/control_socket_shell.h"
#include "services/dvb-tuner/dvblast_config.h"
#include "services/dvb-tuner/dvblast_events.h"
#include "services/dvb-tuner/options.h"
#include "services/dvb-tuner/si_collector.h"
#include "services/dvb-tuner/tuner.h"

namespace headwater::tuner {

// Told of what one dvblast does, on the loop's thread.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void OnRunEvent(uint64_t run, const DvblastEvent& event) = 0;
  virtual void OnRunExited(uint64_t run, const std::string& how) = 0;
  virtual void OnRunConfigured(uint64_t run, uint64_t generation) = 0;
  virtual void OnRunTables(uint64_t run, const std::vector<SiTable>& tables) = 0;
  virtual void OnRunMap(uint64_t run, uint16_t service_id, const mpegts::ProgramMap& map) = 0;
  virtual void OnRunPid(uint64_t run, uint16_t pid, const PidStatus& status) = 0;
  virtual void OnRunSignal(uint64_t run, const Signal& signal) = 0;
};

// One dvblast: its process, its configuration file, its control socket, and a UDP socket on
// loopback to which it sends the PIDs of the tables; the PAT is asked for.
class RunShell {
 public:
  // `files` is the path of the run's files without their endings; nobody else writes there.
  // `input` takes the place of -D where another part fetches what is received; empty: none.
  static absl::StatusOr<std::unique_ptr<RunShell>> Start(
      EventLoop& loop, RunObserver& observer, const Options& options, const TunerOptions& tuner,
      const Carrier& carrier, const std::string& input, uint64_t run, const std::string& files,
      const std::vector<DvblastOutput>& outputs, uint64_t generation);
  ~RunShell();
  RunShell(const RunShell&) = delete;
  RunShell& operator=(const RunShell&) = delete;

  // Writes it and has dvblast read it; asked again until it has.
  void Configure(const std::vector<DvblastOutput>& outputs, uint64_t generation);
  void AskMap(uint16_t service_id);
  void AskPid(uint16_t pid);
  void AskStatus();
  void Stop() { process_->Stop(); }
  const SiCollector& collector() const { return collector_; }
  pid_t pid() const { return process_->pid(); }

 private:
  RunShell(EventLoop& loop, RunObserver& observer, const TunerOptions& tuner, uint64_t run,
           std::string files);
  absl::Status OpenTables();
  absl::Status WriteConfig(const std::vector<DvblastOutput>& outputs);
  void Reload();
  void ReadTables();
  void AskPrograms();

  EventLoop& loop_;
  RunObserver& observer_;
  const TunerOptions tuner_;
  const uint64_t run_;
  const std::string files_;
  int tables_fd_ = -1;
  Endpoint tables_;
  std::unique_ptr<ChildProcess> process_;
  std::unique_ptr<ControlSocketShell> control_;
  SiCollector collector_;
  uint64_t generation_ = 0;
  bool reloading_ = false;
  std::string last_error_;
  EventLoop::TimerId reload_timer_ = 0;
  EventLoop::TimerId programs_timer_ = 0;
};

}  // namespace headwater::tuner
