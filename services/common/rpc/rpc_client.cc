#include "services/common/rpc/rpc_client.h"

namespace headwater {

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Despite its name the time that one attempt may take: a peer on a busy machine is slow, not
  // gone.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  // Every channel its own connections, so that one endpoint's trouble is its own.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A unix socket's proxy settings mean nothing; without this gRPC reads the environment's.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

void SetDeadline(grpc::ClientContext& context, Duration timeout) {
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::duration_cast<std::chrono::microseconds>(timeout));
}

RpcClient::~RpcClient() {
  *alive_ = false;
  std::unique_lock lock(mutex_);
  for (grpc::ClientContext* context : in_flight_) context->TryCancel();
  idle_.wait(lock, [this] { return in_flight_.empty(); });
}

void RpcClient::Register(grpc::ClientContext* context) {
  std::lock_guard lock(mutex_);
  in_flight_.insert(context);
}

void RpcClient::Complete(grpc::ClientContext* context, EventLoop::Task task) {
  std::lock_guard lock(mutex_);
  // Posted under the lock: once the set is empty the destructor may return and the loop may go.
  loop_.Post([alive = alive_, task = std::move(task)]() mutable {
    if (*alive) task();
  });
  in_flight_.erase(context);
  if (in_flight_.empty()) idle_.notify_all();
}

void RpcClient::Post(EventLoop::Task task) { loop_.Post(std::move(task)); }

}  // namespace headwater
