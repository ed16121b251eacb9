#pragma once

#include <absl/status/statusor.h>
#include <prometheus/registry.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/directory-resolver/database.h"
#include "services/directory-resolver/directory.h"
#include "services/directory-resolver/directory_metrics.h"
#include "services/directory-resolver/dvb_store.h"
#include "services/directory-resolver/entry_store.h"
#include "services/directory-resolver/feed_shell.h"
#include "services/directory-resolver/guide.h"
#include "services/directory-resolver/lineup_shell.h"
#include "services/directory-resolver/station_store.h"

namespace headwater::directory_resolver {

// The directory with its files, its fetched documents and its store: reads lineups at start, on
// SIGHUP and when they change, has documents fetched, and keeps what must survive. On the loop's
// thread.
class DirectoryShell {
 public:
  // Fails when the store or a lineup cannot be read: a headend that starts with half its stations
  // would be worse. Fetched directories start as they were when they were last good.
  static absl::StatusOr<std::unique_ptr<DirectoryShell>> Open(EventLoop& loop, Logger& log,
                                                              prometheus::Registry& registry,
                                                              const Options& options);

  // New options and lineups, all or nothing; what is wrong is logged and counted, and what was in
  // force stays.
  // The keys returned need a restart to change.
  absl::StatusOr<std::vector<std::string>> Reload(const Options& options);
  // After each reload that changed the plan.
  void set_on_plan(std::function<void()> on_plan) { on_plan_ = std::move(on_plan); }

  // What a play or a check has shown. NOT_FOUND: no such station. `known` may be null.
  absl::Status ReportPlay(uint32_t number, const PlayResult& result, const KnownFormat* known);
  // Null: none is due.
  const Station* NextCheck();

  // As Directory's, and stored.
  absl::Status SetDisabled(uint32_t number, bool disabled);
  absl::StatusOr<uint32_t> SetAlias(const AliasQuery& query);
  struct Added {
    Station station;
    bool existed = false;
  };
  absl::StatusOr<Added> AddStation(const Station& wanted, bool dry_run);
  // FAILED_PRECONDITION: it came from a file or a directory.
  absl::Status RemoveStation(uint32_t number);

  // All that a tuner's lineup has; `is_read` as MergeLineup. Nothing happens when it is known.
  // NOT_FOUND: no directory of kind dvb. RESOURCE_EXHAUSTED: too many tuners. INVALID_ARGUMENT as
  // CheckLineup.
  absl::Status ReportLineup(const std::string& tuner, std::vector<DvbCarrier> told,
                            absl::FunctionRef<bool(const std::string& id)> is_read);
  // What is on a service; when there is no room for it, it is counted and that is all.
  void ReportGuide(const DvbTriplet& service, std::vector<GuideEvent> events);
  // When tuners have told last, InfinitePast for never, and how much.
  struct Told {
    absl::Time when = absl::InfinitePast();
    size_t entries = 0;
  };
  Told TunersTold() const;

  // As Directory's, and XMLTV. FAILED_PRECONDITION: the station is no DVB service.
  absl::StatusOr<std::string> Export(const ExportQuery& query) const;

  const Directory& directory() const { return directory_; }
  const Options& options() const { return options_; }
  FeedShell& feeds() const { return *feeds_; }
  DirectoryMetrics& metrics() { return metrics_; }

 private:
  using Write = std::function<absl::Status()>;

  DirectoryShell(EventLoop& loop, Logger& log, prometheus::Registry& registry,
                 std::unique_ptr<Database> database, Directory directory, const Options& options);
  absl::Status Load(const Options& options);
  // The lineups of files with what is stored for the directories of `options`; of the directory of
  // `take`, which may be null, with what is taken for it.
  absl::StatusOr<std::vector<DirectoryLineup>> Lineups(const Options& options,
                                                       std::vector<DirectoryLineup> files,
                                                       const FeedTake* take);
  // Builds anew from these; numbers and what `write` writes are stored together, or nothing is.
  absl::Status Build(const Options& options, std::vector<DirectoryLineup> lineups,
                     const Write& write);
  absl::Status TakeFeed(const FeedTake& take);
  absl::Status CheckTuner(const std::string& tuner, const std::vector<DvbCarrier>& told) const;
  // Builds anew from `dvb_` and stores what the tuner has there.
  absl::Status TakeLineup(const std::string& tuner);

  Logger& log_;
  // As it was opened with.
  const std::string database_path_;
  const Duration reload_delay_;
  std::unique_ptr<Database> database_;
  StationStore stations_;
  EntryStore entries_;
  DvbStore dvb_store_;
  // As stored.
  DvbLineups dvb_;
  std::map<std::string, absl::Time> dvb_told_;
  Guide guide_;
  Directory directory_;
  DirectoryMetrics metrics_;
  // In force, with the lineups of its files.
  Options options_;
  std::vector<DirectoryLineup> files_;
  // The newest asked for, also when it was refused: it is what a change of a file tries again.
  Options wanted_;
  std::function<void()> on_plan_;
  std::unique_ptr<FeedShell> feeds_;
  FileWatcher watcher_;
};

}  // namespace headwater::directory_resolver
