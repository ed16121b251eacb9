#pragma once

#include <absl/status/statusor.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/directory-resolver/directory.h"
#include "services/directory-resolver/directory_metrics.h"
#include "services/directory-resolver/lineup_shell.h"
#include "services/directory-resolver/station_store.h"

namespace headwater::directory_resolver {

// The directory with its files: reads lineups at start, on SIGHUP and when they change, and keeps
// what must survive in the store. On the loop's thread.
class DirectoryShell {
 public:
  // Fails when the store or a lineup cannot be read: a headend that starts with half its stations
  // would be worse.
  static absl::StatusOr<std::unique_ptr<DirectoryShell>> Open(EventLoop& loop, Logger& log,
                                                              prometheus::Registry& registry,
                                                              const Options& options);

  // New options and lineups, all or nothing; what is wrong is logged and counted, and what was in
  // force stays.
  // The keys returned need a restart to change.
  absl::StatusOr<std::vector<std::string>> Reload(const Options& options);
  // After each reload that changed the plan.
  void set_on_plan(std::function<void()> on_plan) { on_plan_ = std::move(on_plan); }

  // What a play has shown. NOT_FOUND: no such station.
  absl::Status ReportPlay(uint32_t number, const KnownFormat& known);
  absl::Status ReportFailure(uint32_t number, const std::string& error);

  const Directory& directory() const { return directory_; }
  DirectoryMetrics& metrics() { return metrics_; }

 private:
  DirectoryShell(EventLoop& loop, Logger& log, prometheus::Registry& registry,
                 std::unique_ptr<StationStore> store, Directory directory, const Options& options);
  absl::Status Load(const Options& options);

  Logger& log_;
  // As it was opened with.
  const std::string database_;
  const Duration reload_delay_;
  std::unique_ptr<StationStore> store_;
  Directory directory_;
  DirectoryMetrics metrics_;
  // The newest asked for, also when it was refused: it is what a change of a file tries again.
  Options wanted_;
  std::function<void()> on_plan_;
  FileWatcher watcher_;
};

}  // namespace headwater::directory_resolver
