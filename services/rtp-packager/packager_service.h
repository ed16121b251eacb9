#pragma once

#include <map>
#include <memory>
#include <set>

#include "headwater/packager/v1/packager.grpc.pb.h"
#include "services/common/log/logger.h"
#include "services/common/rpc/server_calls.h"
#include "services/common/rpc/watch_hub.h"
#include "services/rtp-packager/packager_metrics.h"
#include "services/rtp-packager/packager_shell.h"
#include "services/rtp-packager/probe.h"

namespace headwater::packager {

// What probes open and read sources with.
struct ProbeEnvironment {
  SourceOpener& opener;
  TranscoderMaker& transcoders;
};

// headwater.packager.v1.PackagerService on the shell. Handlers come on gRPC's threads and work on
// the loop's.
//
// Limits: probes_max probes at once, then RESOURCE_EXHAUSTED.
class PackagerRpc : public v1::PackagerService::CallbackService {
 public:
  PackagerRpc(EventLoop& loop, Logger& log, const Options& options, PackagerMetrics& metrics,
              PackagerShell& shell, const ProbeEnvironment& probing);
  ~PackagerRpc() override;

  // From the shell.
  void OnChanges(const std::set<Channel>& channels);
  void OnLegs();
  // Ends the watches.
  void Close();

  grpc::ServerUnaryReactor* ApplySession(grpc::CallbackServerContext* context,
                                         const v1::ApplySessionRequest* request,
                                         v1::ApplySessionResponse* response) override;
  grpc::ServerUnaryReactor* StopSession(grpc::CallbackServerContext* context,
                                        const v1::StopSessionRequest* request,
                                        v1::StopSessionResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchSessionsResponse>* WatchSessions(
      grpc::CallbackServerContext* context, const v1::WatchSessionsRequest* request) override;
  grpc::ServerWriteReactor<v1::WatchLegsResponse>* WatchLegs(
      grpc::CallbackServerContext* context, const v1::WatchLegsRequest* request) override;
  grpc::ServerUnaryReactor* Probe(grpc::CallbackServerContext* context,
                                  const v1::ProbeRequest* request,
                                  v1::ProbeResponse* response) override;

 private:
  // What was told of a session, to log and measure each step once.
  struct Told {
    StreamState state = StreamState::kOpening;
    bool requested = false;
    bool first_rtp = false;
  };
  struct ProbeCall {
    std::unique_ptr<packager::Probe> probe;
    EventLoop::TimerId timer = 0;
    FinishCall finish;
    v1::ProbeResponse* response = nullptr;
  };

  // One reading for all, so that a time once told is told the same again.
  const ClockPair& Clocks();
  v1::WatchSessionsResponse SessionEvent(const Channel& channel);
  v1::WatchLegsResponse LegsEvent() const;
  void Note(const SessionStatus& status);
  void StartProbe(const v1::ProbeRequest& request, v1::ProbeResponse* response, FinishCall finish);
  void FinishProbe(uint64_t id, const absl::StatusOr<ProbeResult>& result);

  EventLoop& loop_;
  Logger& log_;
  const Options& options_;
  PackagerMetrics& metrics_;
  PackagerShell& shell_;
  const ProbeEnvironment probing_;
  ClockPair clocks_;
  uint64_t revision_ = 0;
  std::map<Channel, Told> told_;
  std::map<uint64_t, ProbeCall> probes_;
  uint64_t next_probe_ = 1;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  WatchHub<v1::WatchSessionsResponse> sessions_;
  WatchHub<v1::WatchLegsResponse> legs_;
};

}  // namespace headwater::packager
