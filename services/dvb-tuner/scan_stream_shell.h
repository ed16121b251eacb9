#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include "headwater/tuner/v1/tuner.pb.h"

namespace headwater::tuner {

// The answer to one Scan: everything that is pushed is written, in order, and then the status.
// What waits is bounded by the scan's steps (Scanner::kCarriersMax). Thread-safe; lives until gRPC
// is done with it, which `on_done` tells, on a thread of gRPC's.
class ScanStreamShell final : public grpc::ServerWriteReactor<v1::ScanResponse> {
 public:
  explicit ScanStreamShell(std::function<void(ScanStreamShell*)> on_done)
      : on_done_(std::move(on_done)) {}

  void Push(v1::ScanResponse response) {
    std::unique_lock lock(mutex_);
    waiting_.push_back(std::move(response));
    Next(lock);
  }
  void End(const grpc::Status& status) {
    std::unique_lock lock(mutex_);
    ending_ = true;
    status_ = status;
    Next(lock);
  }

  void OnWriteDone(bool ok) override {
    std::unique_lock lock(mutex_);
    writing_ = false;
    if (!ok) waiting_.clear();
    Next(lock);
  }
  void OnCancel() override {
    std::unique_lock lock(mutex_);
    waiting_.clear();
    ending_ = true;
    status_ = grpc::Status(grpc::StatusCode::CANCELLED, "reader gone");
    Next(lock);
  }
  void OnDone() override { on_done_(this); }

 private:
  // gRPC is not called under the lock, so this comes last.
  void Next(std::unique_lock<std::mutex>& lock) {
    if (writing_ || finished_) return;
    if (!waiting_.empty()) {
      current_ = std::move(waiting_.front());
      waiting_.pop_front();
      writing_ = true;
      lock.unlock();
      StartWrite(&current_);
    } else if (ending_) {
      finished_ = true;
      const grpc::Status status = status_;
      lock.unlock();
      Finish(status);
    }
  }

  const std::function<void(ScanStreamShell*)> on_done_;
  std::mutex mutex_;
  // All below guarded by mutex_, current_ but while it is being written.
  std::deque<v1::ScanResponse> waiting_;
  v1::ScanResponse current_;
  bool writing_ = false;
  bool ending_ = false;
  bool finished_ = false;
  grpc::Status status_;
};

}  // namespace headwater::tuner
