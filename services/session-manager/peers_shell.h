#pragma once

#include <functional>
#include <memory>
#include <string>

#include "headwater/announce/v1/announce.grpc.pb.h"
#include "headwater/directory/v1/directory.grpc.pb.h"
#include "headwater/membership/v1/membership.grpc.pb.h"
#include "headwater/packager/v1/packager.grpc.pb.h"
#include "headwater/tuner/v1/tuner.grpc.pb.h"
#include "services/common/log/logger.h"
#include "services/common/rpc/rpc_client.h"
#include "services/session-manager/actions.h"
#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {

// One input of the reconciler; whoever gets it runs it and performs what comes out.
using Input = std::function<void(Reconciler&, const ClockPair&, Actions&)>;
using Tell = std::function<void(const Input&)>;

// What the peers below have in common. Everything on the loop's thread.
struct PeerContext {
  RpcClient& rpc;
  Logger& log;
  Tell tell;
  // Told the name of a call that failed.
  std::function<void(const std::string& call)> on_failure;
  // The shell's, which may change.
  const Duration& call_timeout;
  uint64_t epoch = 0;
};

// What ListEndpoints shows of a stream.
struct StreamState {
  bool connected = false;
  bool synced = false;
};

// A membership-watcher.
class WatcherPeer {
 public:
  WatcherPeer(PeerContext context, const std::string& target, size_t index);
  // Ends the watch; calls under way are the client's to end.
  void Close() { watch_.reset(); }
  StreamState state() const { return state_; }

 private:
  void OnMessage(const membership::v1::WatchMembershipResponse& message);
  void OnGroup(const membership::v1::GroupMembership& group);
  void OnEnd(const absl::Status& status);

  const PeerContext context_;
  const size_t index_;
  StreamState state_;
  std::unique_ptr<membership::v1::MembershipService::Stub> stub_;
  membership::v1::WatchMembershipRequest request_;
  std::unique_ptr<WatchClient<membership::v1::WatchMembershipResponse>> watch_;
};

// The directory-resolver.
class ResolverPeer {
 public:
  // `on_connection` is told of each that comes up or ends.
  ResolverPeer(PeerContext context, const std::string& target,
               std::function<void(bool connected)> on_connection);
  // Ends the watch; calls under way are the client's to end.
  void Close() { watch_.reset(); }
  StreamState state() const { return state_; }
  void Perform(const Resolve& action);
  void Perform(const ReportPlay& action);

 private:
  void OnPlan(const directory::v1::WatchPlanResponse& message);

  const PeerContext context_;
  const std::function<void(bool connected)> on_connection_;
  StreamState state_;
  std::unique_ptr<directory::v1::DirectoryService::Stub> stub_;
  directory::v1::WatchPlanRequest request_;
  std::unique_ptr<WatchClient<directory::v1::WatchPlanResponse>> watch_;
};

// The packager of a sender.
class PackagerPeer {
 public:
  PackagerPeer(PeerContext context, const std::string& target, size_t index);
  // Ends the watch; calls under way are the client's to end.
  void Close() {
    watch_.reset();
    legs_watch_.reset();
  }
  StreamState state() const { return state_; }
  void Perform(const ApplySession& action);
  void Perform(const StopSession& action);

 private:
  void OnMessage(const packager::v1::WatchSessionsResponse& message);
  void OnLegs(const packager::v1::WatchLegsResponse& message);
  void OnEnd(const absl::Status& status);

  const PeerContext context_;
  const size_t index_;
  StreamState state_;
  std::unique_ptr<packager::v1::PackagerService::Stub> stub_;
  packager::v1::WatchSessionsRequest request_;
  packager::v1::WatchLegsRequest legs_request_;
  std::unique_ptr<WatchClient<packager::v1::WatchSessionsResponse>> watch_;
  std::unique_ptr<WatchClient<packager::v1::WatchLegsResponse>> legs_watch_;
};

// The announcer of a sender.
class AnnouncerPeer {
 public:
  AnnouncerPeer(PeerContext context, const std::string& target, size_t index);
  // Ends the watch; calls under way are the client's to end.
  void Close() { watch_.reset(); }
  StreamState state() const { return state_; }
  void Perform(const ApplyAnnouncement& action);
  void Perform(const StopAnnouncement& action);

 private:
  void OnMessage(const announce::v1::WatchAnnouncementsResponse& message);
  void OnEnd(const absl::Status& status);

  const PeerContext context_;
  const size_t index_;
  StreamState state_;
  std::unique_ptr<announce::v1::AnnounceService::Stub> stub_;
  announce::v1::WatchAnnouncementsRequest request_;
  std::unique_ptr<WatchClient<announce::v1::WatchAnnouncementsResponse>> watch_;
};

// The dvb-tuner's leases; its lineup and guide are the courier's.
class TunerPeer {
 public:
  TunerPeer(PeerContext context, const std::string& target);
  // Ends the watch; calls under way are the client's to end.
  void Close() { watch_.reset(); }
  StreamState state() const { return state_; }
  void Perform(const AcquireLease& action);
  void Perform(const ReleaseLease& action);

 private:
  void OnMessage(const tuner::v1::WatchLeasesResponse& message);
  void OnEnd(const absl::Status& status);

  const PeerContext context_;
  StreamState state_;
  std::unique_ptr<tuner::v1::TunerService::Stub> stub_;
  tuner::v1::WatchLeasesRequest request_;
  std::unique_ptr<WatchClient<tuner::v1::WatchLeasesResponse>> watch_;
};

}  // namespace headwater::session_manager
