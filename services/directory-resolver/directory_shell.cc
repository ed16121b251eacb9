#include "services/directory-resolver/directory_shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_text.h"
#include "services/common/time/clock.h"

namespace headwater::directory_resolver {
namespace {

// The lineup of a directory's added stations, made when it has none.
DirectoryLineup& AddedOf(const std::string& directory, std::vector<DirectoryLineup>& lineups) {
  for (DirectoryLineup& lineup : lineups) {
    if (lineup.added && lineup.directory == directory) return lineup;
  }
  return lineups.emplace_back(DirectoryLineup{directory, {}, false, true});
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryShell>> DirectoryShell::Open(EventLoop& loop, Logger& log,
                                                                     prometheus::Registry& registry,
                                                                     const Options& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(options.database));
  StationStore stations(*database);
  ASSIGN_OR_RETURN(std::vector<NumberRecord> numbers, stations.LoadNumbers());
  ASSIGN_OR_RETURN(auto formats, stations.LoadFormats());
  ASSIGN_OR_RETURN(StationMarks marks, stations.LoadMarks());
  ASSIGN_OR_RETURN(auto states, EntryStore(*database).LoadStates());
  std::unique_ptr<DirectoryShell> shell(new DirectoryShell(
      loop, log, registry, std::move(database),
      Directory(std::move(numbers), std::move(formats), std::move(marks)), options));
  ASSIGN_OR_RETURN(shell->dvb_, shell->dvb_store_.Load());
  ASSIGN_OR_RETURN(shell->dvb_told_, shell->dvb_store_.LoadTimes());
  shell->feeds_ = std::make_unique<FeedShell>(
      FeedShell::Shell{loop, log, shell->metrics_, shell->entries_}, options.database,
      std::move(states), [raw = shell.get()](const FeedTake& take) { return raw->TakeFeed(take); });
  RETURN_IF_ERROR(shell->Load(options));
  return shell;
}

DirectoryShell::DirectoryShell(EventLoop& loop, Logger& log, prometheus::Registry& registry,
                               std::unique_ptr<Database> database, Directory directory,
                               const Options& options)
    : log_(log),
      database_path_(options.database),
      reload_delay_(options.reload_delay),
      database_(std::move(database)),
      stations_(*database_),
      entries_(*database_),
      dvb_store_(*database_),
      directory_(std::move(directory)),
      metrics_(registry),
      watcher_(loop, reload_delay_, [this] { (void)Reload(Options(wanted_)); }) {}

absl::StatusOr<std::vector<DirectoryLineup>> DirectoryShell::Lineups(
    const Options& options, std::vector<DirectoryLineup> files, const FeedTake* take) {
  std::vector<DirectoryLineup> lineups = std::move(files);
  // Fetched ones before those that people have added: of two with one identity the document's
  // remains.
  for (const DirectoryOptions& directory : options.directories) {
    const std::string& name = directory.plan.name;
    for (const EntryStore::Kind kind : {EntryStore::Kind::kFetched, EntryStore::Kind::kAdded}) {
      const bool added = kind == EntryStore::Kind::kAdded;
      if (!added && !IsFetched(directory.source)) continue;
      std::vector<LineupStation> rows;
      if (!added && take != nullptr && take->directory == name) {
        rows = take->diff.after;
      } else {
        ASSIGN_OR_RETURN(rows, entries_.Load(name, kind));
      }
      if (!rows.empty()) lineups.push_back({name, std::move(rows), false, added});
    }
  }
  std::vector<DirectoryLineup> received = PlaceServices(
      options.directories, dvb_, [this](const std::string& name, const std::string& identity) {
        return directory_.NumberOf(name, identity).has_value();
      });
  std::move(received.begin(), received.end(), std::back_inserter(lineups));
  return lineups;
}

absl::Status DirectoryShell::Build(const Options& options, std::vector<DirectoryLineup> lineups,
                                   const Write& write) {
  absl::Status loaded =
      directory_.Load(options, std::move(lineups), [&](const std::vector<NumberRecord>& records) {
        if (records.empty() && !write) return absl::OkStatus();
        return database_->Transaction([&]() -> absl::Status {
          RETURN_IF_ERROR(stations_.SaveNumbers(records, WallNow()));
          return write ? write() : absl::OkStatus();
        });
      });
  if (loaded.ok()) metrics_.OnStations(directory_);
  return loaded;
}

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
  ASSIGN_OR_RETURN(std::vector<DirectoryLineup> read, ReadLineups(options));
  ASSIGN_OR_RETURN(std::vector<DirectoryLineup> lineups, Lineups(options, read, nullptr));
  RETURN_IF_ERROR(Build(options, std::move(lineups), nullptr));
  files_ = std::move(read);
  options_ = options;
  metrics_.OnLoaded();
  feeds_->Configure(options_.directories);
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
  if (options.database != database_path_) keys.push_back("database");
  if (options.reload_delay != reload_delay_) keys.push_back("reload_delay");
  return keys;
}

absl::Status DirectoryShell::TakeFeed(const FeedTake& take) {
  ASSIGN_OR_RETURN(std::vector<DirectoryLineup> lineups, Lineups(options_, files_, &take));
  return Build(options_, std::move(lineups), [&]() -> absl::Status {
    RETURN_IF_ERROR(
        entries_.Apply(take.directory, take.diff.before, take.diff.after, take.diff.changes));
    return entries_.SaveState(take.directory, take.state);
  });
}

absl::Status DirectoryShell::ReportPlay(uint32_t number, const PlayResult& result,
                                        const KnownFormat* known) {
  // Played before its tables were read: there is nothing to keep it with yet.
  if (!directory_.Resolve(number).ok() && directory_.ResolveToPlay(number).ok())
    return absl::OkStatus();
  std::optional<StoredFormat> learnt;
  if (known != nullptr && directory_.ShowsFormat(number, result)) {
    ASSIGN_OR_RETURN(learnt, directory_.LearnFormat(number, *known, WallNow()));
  }
  ASSIGN_OR_RETURN(const auto health, directory_.OnResult(number, result, WallNow()));
  metrics_.OnPlay(result.ok, result.check);
  metrics_.SetFailing(directory_.marks().failing());
  RETURN_IF_ERROR(stations_.SaveHealth(health.first, health.second));
  if (!learnt) return absl::OkStatus();
  metrics_.SetFormats(directory_.formats());
  log_.Info("format learnt",
            {{"number", NumberText(number)}, {"format", learnt->known.description}});
  return stations_.SaveFormat(health.first, *learnt);
}

const Station* DirectoryShell::NextCheck() {
  return directory_.NextCheck(WallNow(), absl::FromChrono(options_.check_age));
}

absl::Status DirectoryShell::SetDisabled(uint32_t number, bool disabled) {
  ASSIGN_OR_RETURN(const uint32_t first, directory_.SetDisabled(number, disabled));
  metrics_.OnStations(directory_);
  log_.Info(disabled ? "station disabled" : "station enabled", {{"number", NumberText(first)}});
  return stations_.SaveDisabled(first, disabled);
}

absl::StatusOr<uint32_t> DirectoryShell::SetAlias(const AliasQuery& query) {
  ASSIGN_OR_RETURN(
      const uint32_t alias,
      directory_.SetAlias(query, [this](const std::vector<NumberRecord>& records, uint32_t number,
                                        const std::optional<StationMarks::Alias>& of) {
        return database_->Transaction([&]() -> absl::Status {
          RETURN_IF_ERROR(stations_.SaveNumbers(records, WallNow()));
          return stations_.SaveAlias(number, of);
        });
      }));
  metrics_.OnStations(directory_);
  log_.Info(query.remove ? "alias removed" : "alias given",
            {{"number", NumberText(query.number)}, {"alias", NumberText(alias)}});
  return alias;
}

absl::StatusOr<DirectoryShell::Added> DirectoryShell::AddStation(const Station& wanted,
                                                                 bool dry_run) {
  ASSIGN_OR_RETURN(const auto planned, directory_.PlanAdded(wanted));
  const auto& [name, row] = planned;
  ASSIGN_OR_RETURN(const uint32_t number, directory_.NumberForAdded(name, row));
  if (const Station* there = directory_.catalogue().Find(number)) return Added{*there, true};
  Added added;
  added.station = wanted;
  added.station.number = number;
  added.station.directory = name;
  added.station.title = row.title;
  added.station.tags = row.tags;
  if (dry_run) return added;
  ASSIGN_OR_RETURN(std::vector<DirectoryLineup> lineups, Lineups(options_, files_, nullptr));
  AddedOf(name, lineups).stations.push_back(row);
  RETURN_IF_ERROR(Build(options_, std::move(lineups), [this, &planned] {
    return entries_.Save(planned.first, EntryStore::Kind::kAdded, planned.second);
  }));
  ASSIGN_OR_RETURN(const Station* station, directory_.Resolve(number));
  log_.Info("station added", {{"number", NumberText(number)}, {"title", station->title}});
  return Added{*station, false};
}

absl::Status DirectoryShell::RemoveStation(uint32_t number) {
  ASSIGN_OR_RETURN(const StationRecord record, directory_.Describe(number));
  if (record.station == nullptr) return absl::OkStatus();
  if (record.alias_of != 0 || !record.station->added) {
    return absl::FailedPreconditionError(
        fmt::format("station {} was not added by hand: it comes from directory {}; disable it",
                    NumberText(number), record.directory));
  }
  const std::string directory = record.directory;
  const std::string identity = record.identity;
  ASSIGN_OR_RETURN(std::vector<DirectoryLineup> lineups, Lineups(options_, files_, nullptr));
  std::erase_if(AddedOf(directory, lineups).stations,
                [&](const LineupStation& row) { return row.identity == identity; });
  RETURN_IF_ERROR(Build(options_, std::move(lineups), [&] {
    return entries_.Remove(directory, EntryStore::Kind::kAdded, identity);
  }));
  log_.Info("station removed", {{"number", NumberText(number)}});
  return absl::OkStatus();
}

}  // namespace headwater::directory_resolver
