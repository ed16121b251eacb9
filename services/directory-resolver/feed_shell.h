#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/directory-resolver/directory_metrics.h"
#include "services/directory-resolver/entry_store.h"
#include "services/directory-resolver/feed/feed_refresh.h"
#include "services/directory-resolver/feed_fetch_shell.h"
#include "services/directory-resolver/options.h"

namespace headwater::directory_resolver {

// A document that is about to be in force.
struct FeedTake {
  const std::string& directory;
  const FeedDiff& diff;
  FeedState state;
};

// Keeps the fetched directories fresh: fetches when it is time or when it is asked to, and has each
// good document taken; where that fails the last good state stays, and says so. On the loop's
// thread.
class FeedShell {
 public:
  // Puts a document in force and stores it with its state, all or nothing.
  using Take = std::function<absl::Status(const FeedTake&)>;
  using Refreshed = absl::AnyInvocable<void(absl::StatusOr<FeedChangeCounts>)>;
  // Valid during the call.
  using Compared = absl::AnyInvocable<void(absl::StatusOr<const FeedDiff*>)>;
  struct Shell {
    EventLoop& loop;
    Logger& log;
    DirectoryMetrics& metrics;
    EntryStore& store;
  };

  // `database` is where the store is.
  FeedShell(Shell shell, std::string database, std::map<std::string, FeedState> states, Take take);
  ~FeedShell();

  // The directories now in force, and when to fetch each.
  void Configure(const std::vector<DirectoryOptions>& directories);
  // Fetches now. NOT_FOUND, FAILED_PRECONDITION: not a directory that is fetched.
  // RESOURCE_EXHAUSTED: too many wait for it already.
  void Refresh(const std::string& directory, bool accept_shrinking, Refreshed done);
  void Compare(const std::string& directory, Compared done);

  // Answers all who wait, and those who come: nothing more will be fetched for them.
  void Close();

  const FeedState& StateOf(const std::string& directory) const;
  bool IsRefreshing(const std::string& directory) const;
  absl::Time NextOf(const std::string& directory) const;

 private:
  struct Row {
    DirectoryOptions options;
    EventLoop::TimerId timer = 0;
    absl::Time next = absl::InfiniteFuture();
    bool fetching = false;
    bool accept_shrinking = false;
    std::vector<Refreshed> waiting;
    // Those that wait for a document to compare; not empty while it is fetched.
    std::vector<Compared> comparing;
  };

  static void Answer(Row& row, const absl::Status& status);
  absl::StatusOr<Row*> Find(const std::string& directory);
  FeedJob JobOf(const std::string& directory, const Row& row, bool conditional) const;
  void Schedule(const std::string& directory);
  void Start(const std::string& directory, Row& row);
  void OnFetched(const std::string& directory, const std::string& fingerprint,
                 const FetchedFeed& fetched);
  absl::StatusOr<FeedChangeCounts> Settle(const std::string& directory, const Row& row,
                                          const FetchedFeed& fetched);
  absl::StatusOr<FeedChangeCounts> TakeFeed(const std::string& directory, const Row& row,
                                            const FetchedFeed& fetched);
  absl::Status CheckDiff(const std::string& directory, const Row& row, const FeedDiff& diff) const;

  Shell shell_;
  Take take_;
  std::map<std::string, FeedState> states_;
  std::map<std::string, Row> rows_;
  bool closed_ = false;
  FeedFetcher fetcher_;
};

}  // namespace headwater::directory_resolver
