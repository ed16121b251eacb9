#include "services/session-manager/session_service.h"

#include "services/common/base/status_macros.h"
#include "services/common/rpc/proto_convert.h"
#include "services/common/rpc/server_calls.h"
#include "services/session-manager/world_convert.h"

namespace headwater::session_manager {

SessionService::SessionService(EventLoop& loop, ManagerShell& shell)
    : loop_(loop), shell_(shell), hub_(loop, [this](auto& stream) { SendSnapshot(stream); }) {
  shell_.set_on_change([this](const SessionView& view) { Publish(view); });
}

grpc::ServerUnaryReactor* SessionService::ListSessions(
    grpc::CallbackServerContext* context, const session::v1::ListSessionsRequest*,
    session::v1::ListSessionsResponse* response) {
  return OnLoop(context, loop_, [this, response] {
    for (const auto& [channel, session] : shell_.reconciler().sessions()) {
      if (session.state != State::kIdle) *response->add_sessions() = ToProto(session.shown);
    }
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<session::v1::WatchSessionsResponse>* SessionService::WatchSessions(
    grpc::CallbackServerContext*, const session::v1::WatchSessionsRequest*) {
  return hub_.Open();
}

grpc::ServerUnaryReactor* SessionService::ExplainSession(
    grpc::CallbackServerContext* context, const session::v1::ExplainSessionRequest* request,
    session::v1::ExplainSessionResponse* response) {
  return OnLoop(context, loop_, [this, request, response] { return Explain(*request, *response); });
}

absl::Status SessionService::Explain(const session::v1::ExplainSessionRequest& request,
                                     session::v1::ExplainSessionResponse& response) const {
  ASSIGN_OR_RETURN(const Channel channel, ChannelFromProto(request.channel()));
  const Session* session = shell_.reconciler().Find(channel);
  if (session == nullptr) session = shell_.reconciler().FindEnded(channel);
  if (session == nullptr) {
    return absl::NotFoundError("nobody has asked for " + channel.ToString() +
                               " since the session-manager's start, or the number plan does not "
                               "hold it");
  }
  *response.mutable_session() = ToProto(session->shown);
  for (const TimelineStep& step : session->timeline.Steps()) *response.add_steps() = ToProto(step);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* SessionService::ListEndpoints(
    grpc::CallbackServerContext* context, const session::v1::ListEndpointsRequest*,
    session::v1::ListEndpointsResponse* response) {
  return OnLoop(context, loop_, [this, response] {
    for (const EndpointView& endpoint : shell_.Endpoints()) {
      auto* added = response->add_endpoints();
      added->set_service(endpoint.service);
      added->set_instance(endpoint.instance);
      added->set_target(endpoint.target);
      added->set_connected(endpoint.state.connected);
      added->set_synced(endpoint.state.synced);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SessionService::ListSenders(grpc::CallbackServerContext* context,
                                                      const session::v1::ListSendersRequest*,
                                                      session::v1::ListSendersResponse* response) {
  return OnLoop(context, loop_, [this, response] {
    const auto& senders = shell_.options().senders;
    for (size_t i = 0; i < senders.size(); ++i) {
      auto* added = response->add_senders();
      added->set_name(senders[i].name);
      added->set_connected(shell_.IsConnected(i));
      for (const Leg& leg : shell_.reconciler().sender(i).legs) *added->add_legs() = ToProto(leg);
      added->set_sessions(static_cast<uint32_t>(shell_.reconciler().SessionsOf(i)));
      added->set_drained(shell_.reconciler().sender(i).drained);
      added->set_capacity(static_cast<uint32_t>(shell_.reconciler().sender(i).capacity));
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SessionService::SetSenderDrained(
    grpc::CallbackServerContext* context, const session::v1::SetSenderDrainedRequest* request,
    session::v1::SetSenderDrainedResponse*) {
  return OnLoop(context, loop_,
                [this, request] { return shell_.SetDrained(request->name(), request->drained()); });
}

void SessionService::SendSnapshot(WatchStream<Response>& stream) const {
  Response message;
  message.set_revision(revision_);
  for (const auto& [channel, session] : shell_.reconciler().sessions()) {
    if (session.state == State::kIdle) continue;
    *message.mutable_session() = ToProto(session.shown);
    stream.Push(channel.ToString(), message);
  }
  message.mutable_synced();
  stream.Push("", message);
}

void SessionService::Publish(const SessionView& view) {
  Response message;
  message.set_revision(++revision_);
  if (view.state == State::kIdle) {
    *message.mutable_removed() = headwater::ToProto(view.channel);
  } else {
    *message.mutable_session() = ToProto(view);
  }
  hub_.Publish(view.channel.ToString(), message);
}

void SessionService::Close() {
  hub_.Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining"));
}

}  // namespace headwater::session_manager
