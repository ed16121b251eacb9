#include "services/common/rpc/rpc_client.h"

#include "services/common/control/control_endpoint.h"

namespace headwater {
namespace {

// What a peer that is cut off is missed after: the two together. A unix socket's end is always
// told.
constexpr int kPingMilliseconds = 2000;
constexpr int kPingAnswerMilliseconds = 3000;

std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const ControlEndpoint& endpoint,
                                                         const std::string& target,
                                                         const std::shared_ptr<ControlTls>& tls) {
  if (endpoint.kind != ControlEndpoint::Kind::kTls) return grpc::InsecureChannelCredentials();
  return tls ? tls->channel(target) : nullptr;
}

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target,
                                           const std::shared_ptr<ControlTls>& tls) {
  const absl::StatusOr<ControlEndpoint> endpoint = ControlEndpoint::Parse(target);
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
  // Without credentials it is a channel that fails every call.
  if (!endpoint.ok()) return grpc::CreateCustomChannel(target, nullptr, arguments);
  if (endpoint->kind != ControlEndpoint::Kind::kUnix) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingMilliseconds);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingAnswerMilliseconds);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetSslTargetNameOverride(kControlServerName);
  }
  return grpc::CreateCustomChannel(endpoint->GrpcTarget(), CredentialsFor(*endpoint, target, tls),
                                   arguments);
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
