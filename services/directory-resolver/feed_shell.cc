#include "services/directory-resolver/feed_shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/time/clock.h"

namespace headwater::directory_resolver {
namespace {

// Callers that wait for one directory.
constexpr size_t kWaitingMax = 16;

}  // namespace

FeedShell::FeedShell(Shell shell, std::string database, std::map<std::string, FeedState> states,
                     Take take)
    : shell_(shell),
      take_(std::move(take)),
      states_(std::move(states)),
      fetcher_(shell.loop, std::move(database)) {}

FeedShell::~FeedShell() {
  for (auto& [name, row] : rows_) shell_.loop.Cancel(row.timer);
}

void FeedShell::Configure(const std::vector<DirectoryOptions>& directories) {
  std::map<std::string, Row> before = std::exchange(rows_, {});
  for (const DirectoryOptions& options : directories) {
    if (!IsFetched(options.source)) continue;
    // What is under way goes on, and so do those that wait for it.
    auto known = before.extract(options.plan.name);
    const bool corrected = known && !(known.mapped().options.feed == options.feed);
    Row& row = rows_[options.plan.name];
    if (known) row = std::move(known.mapped());
    row.options = options;
    Schedule(options.plan.name);
    // Whoever corrects an URL need not wait for the next try.
    if (corrected && !row.fetching) Start(options.plan.name, row);
    shell_.metrics.OnFeed(options.plan.name, StateOf(options.plan.name));
  }
  for (auto& [name, row] : before) {
    shell_.loop.Cancel(row.timer);
    shell_.metrics.OnFeed(name, {});
    Answer(row,
           absl::FailedPreconditionError(fmt::format("directory {} left the configuration", name)));
  }
}

void FeedShell::Answer(Row& row, const absl::Status& status) {
  for (Refreshed& done : std::exchange(row.waiting, {})) done(status);
  for (Compared& done : std::exchange(row.comparing, {})) done(status);
}

void FeedShell::Close() {
  closed_ = true;
  for (auto& [name, row] : rows_) Answer(row, absl::UnavailableError("draining"));
}

const FeedState& FeedShell::StateOf(const std::string& directory) const {
  static const FeedState kNone;
  const auto found = states_.find(directory);
  return found == states_.end() ? kNone : found->second;
}

bool FeedShell::IsRefreshing(const std::string& directory) const {
  const auto row = rows_.find(directory);
  return row != rows_.end() && row->second.fetching;
}

absl::Time FeedShell::NextOf(const std::string& directory) const {
  const auto row = rows_.find(directory);
  return row == rows_.end() ? absl::InfiniteFuture() : row->second.next;
}

absl::StatusOr<FeedShell::Row*> FeedShell::Find(const std::string& directory) {
  if (closed_) return absl::UnavailableError("draining");
  const auto row = rows_.find(directory);
  if (row != rows_.end()) return &row->second;
  return absl::FailedPreconditionError(
      fmt::format("directory {} has no document to fetch", directory));
}

void FeedShell::Schedule(const std::string& directory) {
  Row& row = rows_.at(directory);
  shell_.loop.Cancel(row.timer);
  row.timer = 0;
  if (row.fetching) return;
  const absl::Time now = WallNow();
  row.next = NextRefresh(StateOf(directory), row.options.source, row.options.feed, now);
  row.timer =
      shell_.loop.At(MonoNow() + absl::ToChronoNanoseconds(row.next - now), [this, directory] {
        Row& due = rows_.at(directory);
        due.timer = 0;
        Start(directory, due);
      });
}

FeedJob FeedShell::JobOf(const std::string& directory, const Row& row, bool conditional) const {
  FeedJob job = {.directory = directory,
                 .source = row.options.source,
                 .options = row.options.feed,
                 .local = row.options.plan.local,
                 .etag = {},
                 .last_modified = {}};
  const FeedState& state = StateOf(directory);
  if (conditional && state.fingerprint == Fingerprint(job.source, job.options)) {
    job.etag = state.etag;
    job.last_modified = state.last_modified;
  }
  return job;
}

void FeedShell::Start(const std::string& directory, Row& row) {
  shell_.loop.Cancel(std::exchange(row.timer, 0));
  row.fetching = true;
  FeedJob job = JobOf(directory, row, true);
  std::string fingerprint = Fingerprint(job.source, job.options);
  fetcher_.Fetch(std::move(job),
                 [this, directory, fingerprint = std::move(fingerprint)](FetchedFeed& fetched) {
                   OnFetched(directory, fingerprint, fetched);
                 });
}

void FeedShell::Refresh(const std::string& directory, bool accept_shrinking, Refreshed done) {
  const absl::StatusOr<Row*> row = Find(directory);
  if (!row.ok()) return done(row.status());
  if ((*row)->waiting.size() >= kWaitingMax) {
    return done(absl::ResourceExhaustedError(
        fmt::format("{} callers wait for directory {} already", kWaitingMax, directory)));
  }
  (*row)->waiting.push_back(std::move(done));
  (*row)->accept_shrinking |= accept_shrinking;
  if (!(*row)->fetching) Start(directory, **row);
}

void FeedShell::OnFetched(const std::string& directory, const std::string& fingerprint,
                          const FetchedFeed& fetched) {
  const auto found = rows_.find(directory);
  if (found == rows_.end()) return;
  Row& row = found->second;
  row.fetching = false;
  std::vector<Refreshed> waiting = std::exchange(row.waiting, {});
  absl::StatusOr<FeedChangeCounts> result = absl::AbortedError(
      fmt::format("directory {} was configured differently meanwhile", directory));
  if (fingerprint == Fingerprint(row.options.source, row.options.feed))
    result = Settle(directory, row, fetched);
  row.accept_shrinking = false;
  Schedule(directory);
  for (Refreshed& done : waiting) done(result);
}

absl::StatusOr<FeedChangeCounts> FeedShell::Settle(const std::string& directory, const Row& row,
                                                   const FetchedFeed& fetched) {
  const absl::Time now = WallNow();
  const bool unchanged = fetched.status.ok() && fetched.not_modified;
  absl::StatusOr<FeedChangeCounts> result = FeedChangeCounts();
  const bool came = fetched.status.ok();
  if (!came) {
    result = fetched.status;
  } else if (!unchanged) {
    result = TakeFeed(directory, row, fetched);
  }
  FeedState& state = states_[directory];
  state.last_attempt = now;
  if (result.ok()) {
    state.last_success = now;
    state.error.clear();
    shell_.log.Info("directory refreshed", {{"directory", directory},
                                            {"added", result->added},
                                            {"removed", result->removed},
                                            {"changed", result->changed},
                                            {"document", unchanged ? "unchanged" : "taken"}});
  } else {
    state.error = FromAbsl(result.status().message());
    shell_.log.Warning("directory not refreshed, the last good state stays",
                       {{"directory", directory}, {"error", state.error}});
  }
  if (absl::Status saved = shell_.store.SaveState(directory, state); !saved.ok())
    shell_.log.Error("directory state", {{"error", FromAbsl(saved.message())}});
  shell_.metrics.OnRefresh(directory, !came          ? "failed"
                                      : !result.ok() ? "refused"
                                      : unchanged    ? "unchanged"
                                                     : "taken");
  shell_.metrics.OnFeed(directory, state);
  return result;
}

absl::Status FeedShell::CheckDiff(const std::string& directory, const Row& row,
                                  const FeedDiff& diff) const {
  return CheckShrinking(StateOf(directory), row.options.source, row.options.feed,
                        diff.before.size(), diff.after.size());
}

absl::StatusOr<FeedChangeCounts> FeedShell::TakeFeed(const std::string& directory, const Row& row,
                                                     const FetchedFeed& fetched) {
  if (!row.accept_shrinking || fetched.diff.after.empty())
    RETURN_IF_ERROR(CheckDiff(directory, row, fetched.diff));
  FeedState state = StateOf(directory);
  state.fingerprint = Fingerprint(row.options.source, row.options.feed);
  state.etag = fetched.etag;
  state.last_modified = fetched.last_modified;
  state.counts = fetched.counts;
  const FeedChangeCounts counts = CountChanges(fetched.diff.changes);
  if (counts.total() > 0) RETURN_IF_ERROR(take_({directory, fetched.diff, state}));
  states_[directory] = std::move(state);
  return counts;
}

void FeedShell::Compare(const std::string& directory, Compared done) {
  const absl::StatusOr<Row*> row = Find(directory);
  if (!row.ok()) return done(row.status());
  if ((*row)->comparing.size() >= kWaitingMax) {
    return done(absl::ResourceExhaustedError(
        fmt::format("directory {} is compared {} times already", directory, kWaitingMax)));
  }
  (*row)->comparing.push_back(std::move(done));
  if ((*row)->comparing.size() > 1) return;
  fetcher_.Fetch(JobOf(directory, **row, false), [this, directory](FetchedFeed& fetched) {
    const auto found = rows_.find(directory);
    if (found == rows_.end()) return;
    std::vector<Compared> comparing = std::exchange(found->second.comparing, {});
    absl::StatusOr<const FeedDiff*> diff = &fetched.diff;
    if (!fetched.status.ok()) diff = fetched.status;
    fetched.diff.refused = FromAbsl(CheckDiff(directory, found->second, fetched.diff).message());
    for (Compared& compared : comparing) compared(diff);
  });
}

}  // namespace headwater::directory_resolver
