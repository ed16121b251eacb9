#include "services/directory-resolver/directory_shell.h"

#include <utility>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_text.h"
#include "services/common/time/clock.h"

namespace headwater::directory_resolver {

absl::StatusOr<std::unique_ptr<DirectoryShell>> DirectoryShell::Open(EventLoop& loop, Logger& log,
                                                                     prometheus::Registry& registry,
                                                                     const Options& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<StationStore> store, StationStore::Open(options.database));
  ASSIGN_OR_RETURN(std::vector<NumberRecord> numbers, store->LoadNumbers());
  ASSIGN_OR_RETURN(auto formats, store->LoadFormats());
  std::unique_ptr<DirectoryShell> shell(
      new DirectoryShell(loop, log, registry, std::move(store),
                         Directory(std::move(numbers), std::move(formats)), options));
  RETURN_IF_ERROR(shell->Load(options));
  return shell;
}

DirectoryShell::DirectoryShell(EventLoop& loop, Logger& log, prometheus::Registry& registry,
                               std::unique_ptr<StationStore> store, Directory directory,
                               const Options& options)
    : log_(log),
      database_(options.database),
      reload_delay_(options.reload_delay),
      store_(std::move(store)),
      directory_(std::move(directory)),
      metrics_(registry),
      watcher_(loop, reload_delay_, [this] { (void)Reload(Options(wanted_)); }) {}

absl::Status DirectoryShell::Load(const Options& options) {
  wanted_ = options;
  // Watched before they are read, and also when they are refused: the correction is seen.
  std::vector<std::string> files;
  for (const DirectoryOptions& directory : options.directories) {
    if (!directory.lineup.empty()) files.push_back(directory.lineup);
  }
  if (absl::Status status = watcher_.Watch(files); !status.ok()) {
    log_.Warning("lineups are read again on SIGHUP only", {{"error", FromAbsl(status.message())}});
  }
  ASSIGN_OR_RETURN(const std::vector<DirectoryLineup> lineups, ReadLineups(options));
  RETURN_IF_ERROR(
      directory_.Load(options, lineups, [this](const std::vector<NumberRecord>& records) {
        return store_->SaveNumbers(records, WallNow());
      }));
  metrics_.OnLoaded(directory_);
  for (const std::string& warning : directory_.warnings())
    log_.Warning("number plan", {{"warning", warning}});
  log_.Info("lineups loaded", {{"directories", directory_.plan().config().directories.size()},
                               {"stations", directory_.catalogue().stations().size()},
                               {"plan_revision", directory_.plan_revision()}});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> DirectoryShell::Reload(const Options& options) {
  const uint64_t before = directory_.plan_revision();
  absl::Status status = Load(options);
  if (!status.ok()) {
    metrics_.OnLoadRefused();
    log_.Error("lineups refused, those before stay in force",
               {{"error", FromAbsl(status.message())}});
    return status;
  }
  if (directory_.plan_revision() != before && on_plan_) on_plan_();
  std::vector<std::string> keys;
  if (options.database != database_) keys.push_back("database");
  if (options.reload_delay != reload_delay_) keys.push_back("reload_delay");
  return keys;
}

absl::Status DirectoryShell::ReportPlay(uint32_t number, const KnownFormat& known) {
  ASSIGN_OR_RETURN(const std::optional<StoredFormat> learnt,
                   directory_.LearnFormat(number, known, WallNow()));
  metrics_.OnPlay(true);
  if (!learnt) return absl::OkStatus();
  metrics_.SetFormats(directory_.formats());
  log_.Info("format learnt", {{"number", NumberText(number)}, {"format", known.description}});
  return store_->SaveFormat(number, *learnt);
}

absl::Status DirectoryShell::ReportFailure(uint32_t number, const std::string& error) {
  RETURN_IF_ERROR(directory_.Resolve(number).status());
  metrics_.OnPlay(false);
  log_.Debug("play failed", {{"number", NumberText(number)}, {"error", error}});
  return absl::OkStatus();
}

}  // namespace headwater::directory_resolver
