#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "services/common/loop/event_loop.h"
#include "services/directory-resolver/feed/feed.h"
#include "services/directory-resolver/feed/feed_refresh.h"

namespace headwater::directory_resolver {

// One document to fetch.
struct FeedJob {
  std::string directory;
  DirectorySource source = DirectorySource::kCatalogue;
  FeedOptions options;
  // May lead to private addresses.
  bool local = false;
  // Of the document in force, for a conditional request; empty: whatever it is.
  std::string etag;
  std::string last_modified;
};

// What came of it.
struct FetchedFeed {
  // UNAVAILABLE: not fetched, or the store cannot be read; INVALID_ARGUMENT: not a document of that
  // kind. Names the URL, without key and password.
  absl::Status status;
  // The document in force is the newest; there are no stations.
  bool not_modified = false;
  // The document's stations beside those in force.
  FeedDiff diff;
  FeedCounts counts;
  std::string etag;
  std::string last_modified;
};

// Fetches documents, reads them and compares them with what is in force, one at a time, on a thread
// of its own that gives way to all others: it takes seconds. Every
// address that is connected to is checked, after resolution and on every redirect; redirects stay
// within http and https, never lead from https to http, and are at most 8; no proxy is used. The
// time and the size of a fetch are limited by its options. Called on the loop's thread.
class FeedFetcher {
 public:
  // What is large is left to the thread to free.
  using Done = absl::AnyInvocable<void(FetchedFeed&)>;

  // `database` is the path of the store, which the thread reads over a connection of its own.
  FeedFetcher(EventLoop& loop, std::string database);
  // Aborts the fetch under way; nothing is told of it or of those that wait.
  ~FeedFetcher();
  FeedFetcher(const FeedFetcher&) = delete;
  FeedFetcher& operator=(const FeedFetcher&) = delete;

  // In the order of the calls, the next one when `done` has run on the loop; the caller bounds how
  // many there are.
  void Fetch(FeedJob job, Done done);

 private:
  struct Waiting {
    FeedJob job;
    Done done;
  };
  void Work(const std::stop_token& stop);

  EventLoop& loop_;
  const std::string database_;
  // Gone with the fetcher: what is posted later does nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Waiting> waiting_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace headwater::directory_resolver
