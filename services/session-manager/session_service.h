#pragma once

#include "headwater/session/v1/session.grpc.pb.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_hub.h"
#include "services/session-manager/manager_shell.h"

namespace headwater::session_manager {

// SessionService over the shell. The RPCs come on gRPC's threads and are answered from the loop;
// the rest is called on the loop.
class SessionService final : public session::v1::SessionService::CallbackService {
 public:
  SessionService(EventLoop& loop, ManagerShell& shell);

  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context,
                                         const session::v1::ListSessionsRequest* request,
                                         session::v1::ListSessionsResponse* response) override;
  grpc::ServerWriteReactor<session::v1::WatchSessionsResponse>* WatchSessions(
      grpc::CallbackServerContext* context,
      const session::v1::WatchSessionsRequest* request) override;
  grpc::ServerUnaryReactor* ExplainSession(grpc::CallbackServerContext* context,
                                           const session::v1::ExplainSessionRequest* request,
                                           session::v1::ExplainSessionResponse* response) override;
  grpc::ServerUnaryReactor* ListEndpoints(grpc::CallbackServerContext* context,
                                          const session::v1::ListEndpointsRequest* request,
                                          session::v1::ListEndpointsResponse* response) override;
  grpc::ServerUnaryReactor* ListSenders(grpc::CallbackServerContext* context,
                                        const session::v1::ListSendersRequest* request,
                                        session::v1::ListSendersResponse* response) override;
  grpc::ServerUnaryReactor* SetSenderDrained(
      grpc::CallbackServerContext* context, const session::v1::SetSenderDrainedRequest* request,
      session::v1::SetSenderDrainedResponse* response) override;

  // Ends the watches: the service drains.
  void Close();

 private:
  using Response = session::v1::WatchSessionsResponse;

  absl::Status Explain(const session::v1::ExplainSessionRequest& request,
                       session::v1::ExplainSessionResponse& response) const;
  void SendSnapshot(WatchStream<Response>& stream) const;
  void Publish(const SessionView& view);

  EventLoop& loop_;
  ManagerShell& shell_;
  uint64_t revision_ = 1;
  WatchHub<Response> hub_;
};

}  // namespace headwater::session_manager
