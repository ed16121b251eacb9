#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "services/common/loop/event_loop.h"
#include "services/common/rpc/status_conversion.h"

namespace headwater {

// Answers a unary call from the loop: `handle` runs there and returns an absl::Status; request and
// response live until then.
template <typename Handle>
grpc::ServerUnaryReactor* OnLoop(grpc::CallbackServerContext* context, EventLoop& loop,
                                 Handle handle) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  loop.Post([reactor, handle = std::move(handle)]() mutable { reactor->Finish(ToGrpc(handle())); });
  return reactor;
}

// The same for an answer that comes later: `handle` gets a function that finishes the call, to be
// called exactly once, on any thread.
using FinishCall = absl::AnyInvocable<void(absl::Status)>;
template <typename Handle>
grpc::ServerUnaryReactor* OnLoopLater(grpc::CallbackServerContext* context, EventLoop& loop,
                                      Handle handle) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  loop.Post([reactor, handle = std::move(handle)]() mutable {
    handle(FinishCall([reactor](const absl::Status& status) { reactor->Finish(ToGrpc(status)); }));
  });
  return reactor;
}

}  // namespace headwater
