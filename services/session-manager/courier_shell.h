#pragma once

#include <functional>
#include <memory>
#include <string>

#include "headwater/directory/v1/directory.grpc.pb.h"
#include "headwater/tuner/v1/tuner.grpc.pb.h"
#include "services/common/rpc/rpc_client.h"
#include "services/session-manager/lineup_courier.h"
#include "services/session-manager/options.h"

namespace headwater::session_manager {

// The courier in the world: hears the tuner's lineup and guide, tells the resolver. On the loop's
// thread.
class CourierShell {
 public:
  // `options` may change; `on_failure` is told the name of a call that failed.
  CourierShell(RpcClient& rpc, const Options& options,
               std::function<void(const std::string& call)> on_failure);
  // To be called before the end of `rpc`. Ends the watches; calls under way are the client's to
  // end.
  void Close();

  void OnResolver(bool connected);
  const CourierStats& stats() const { return courier_.stats(); }

 private:
  void OnLineup(const tuner::v1::WatchLineupResponse& message);
  void OnGuide(const tuner::v1::WatchGuideResponse& message);
  void OpenGuide();
  void Act();
  void Perform(const ReportLineup& action);
  void Perform(const ReportGuide& action);
  void Perform(const ReopenGuide& action);

  RpcClient& rpc_;
  const Options& options_;
  const std::function<void(const std::string& call)> on_failure_;
  LineupCourier courier_;
  EventLoop::TimerId timer_ = 0;
  std::unique_ptr<tuner::v1::TunerService::Stub> tuner_;
  std::unique_ptr<directory::v1::DirectoryService::Stub> directory_;
  tuner::v1::WatchLineupRequest lineup_request_;
  tuner::v1::WatchGuideRequest guide_request_;
  std::unique_ptr<WatchClient<tuner::v1::WatchLineupResponse>> lineup_;
  std::unique_ptr<WatchClient<tuner::v1::WatchGuideResponse>> guide_;
};

}  // namespace headwater::session_manager
