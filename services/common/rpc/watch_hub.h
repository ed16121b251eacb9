#pragma once

#include <absl/functional/any_invocable.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_outbox.h"

namespace headwater {

// One reader of a Watch stream. What it has not read yet waits in a WatchOutbox; more than
// `pending_max` messages waiting end the stream with RESOURCE_EXHAUSTED: the reader calls again and
// gets a snapshot. Thread-safe; lives until gRPC is done with it.
template <typename Response>
class WatchStream : public grpc::ServerWriteReactor<Response> {
 public:
  using Filter = std::function<bool(const Response&)>;

  WatchStream(size_t pending_max, Filter filter, std::function<void(WatchStream*)> on_done)
      : pending_(pending_max), filter_(std::move(filter)), on_done_(std::move(on_done)) {}

  void Push(const std::string& key, const Response& response) {
    if (filter_ && !filter_(response)) return;
    std::unique_lock lock(mutex_);
    if (ended_) return;
    if (!pending_.Push(key, response)) {
      End(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "reader too slow; watch again"), lock);
      return;
    }
    WriteNext(lock);
  }

  void Close(const grpc::Status& status) {
    std::unique_lock lock(mutex_);
    End(status, lock);
  }

  void OnWriteDone(bool ok) override {
    std::unique_lock lock(mutex_);
    writing_ = false;
    if (!ok) End(grpc::Status(grpc::StatusCode::CANCELLED, "reader gone"), lock);
    if (ended_) {
      FinishOnce(lock);
    } else {
      WriteNext(lock);
    }
  }
  void OnCancel() override { Close(grpc::Status(grpc::StatusCode::CANCELLED, "reader gone")); }
  void OnDone() override { on_done_(this); }

 private:
  // Each of these may give up the lock, since gRPC must not be called under it, and is the last
  // thing its caller does.
  void WriteNext(std::unique_lock<std::mutex>& lock) {
    if (writing_ || ended_) return;
    std::optional<Response> next = pending_.Pop();
    if (!next) return;
    current_ = *std::move(next);
    writing_ = true;
    lock.unlock();
    this->StartWrite(&current_);
  }
  void End(const grpc::Status& status, std::unique_lock<std::mutex>& lock) {
    if (ended_) return;
    ended_ = true;
    final_ = status;
    pending_.Clear();
    if (!writing_) FinishOnce(lock);
  }
  void FinishOnce(std::unique_lock<std::mutex>& lock) {
    if (finished_) return;
    finished_ = true;
    const grpc::Status status = final_;
    if (lock.owns_lock()) lock.unlock();
    this->Finish(status);
  }

  WatchOutbox<Response> pending_;
  const Filter filter_;
  const std::function<void(WatchStream*)> on_done_;
  std::mutex mutex_;
  // All below and pending_ guarded by mutex_, except current_ while it is being written.
  Response current_;
  bool writing_ = false;
  bool ended_ = false;
  bool finished_ = false;
  grpc::Status final_;
};

// All readers of one Watch RPC. A new reader gets `snapshot` on the loop's thread and from then on
// everything published, with nothing between the two lost or doubled. Open is called on gRPC's
// threads, the rest on the loop's.
template <typename Response>
class WatchHub {
 public:
  using Stream = WatchStream<Response>;
  using Snapshot = std::function<void(Stream&)>;

  WatchHub(EventLoop& loop, Snapshot snapshot, size_t pending_max = 1 << 17)
      : loop_(loop), snapshot_(std::move(snapshot)), pending_max_(pending_max) {}
  ~WatchHub() { *alive_ = false; }

  grpc::ServerWriteReactor<Response>* Open(typename Stream::Filter filter = nullptr) {
    auto* stream = new Stream(pending_max_, std::move(filter),
                              [this, alive = alive_, &loop = loop_](Stream* done) {
                                // Deleted on the loop, where it may still be in use.
                                loop.Post([this, alive, owned = std::unique_ptr<Stream>(done)] {
                                  if (*alive) streams_.erase(owned.get());
                                  if (*alive && on_count_) on_count_(streams_.size());
                                });
                              });
    loop_.Post([this, alive = alive_, stream] {
      if (!*alive) return;
      streams_.insert(stream);
      snapshot_(*stream);
      if (on_count_) on_count_(streams_.size());
    });
    return stream;
  }

  void Publish(const std::string& key, const Response& response) {
    for (Stream* stream : streams_) stream->Push(key, response);
  }

  // Ends every stream: the service drains.
  void Close(const grpc::Status& status) {
    for (Stream* stream : streams_) stream->Close(status);
  }

  size_t readers() const { return streams_.size(); }
  // Called with the number of readers whenever it changes.
  void OnReaders(std::function<void(size_t)> on_count) { on_count_ = std::move(on_count); }

 private:
  EventLoop& loop_;
  Snapshot snapshot_;
  size_t pending_max_;
  std::function<void(size_t)> on_count_;
  std::unordered_set<Stream*> streams_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace headwater
