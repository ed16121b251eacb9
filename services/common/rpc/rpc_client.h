#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

#include "services/common/loop/event_loop.h"
#include "services/common/rpc/control_tls.h"
#include "services/common/rpc/status_conversion.h"

namespace headwater {

// A channel that finds a restarted peer within half a second, and over TCP misses one that is gone
// without a word within five. Messages of up to 64 MiB: playlists of large directories pass gRPC's
// default of 4. `target` is a ControlEndpoint; where it is none, or mutual TLS without `tls`, every
// call fails with INVALID_ARGUMENT.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target,
                                           const std::shared_ptr<ControlTls>& tls = nullptr);

// The one place that sets deadlines: gRPC 1.51 ignores those of service configurations under a
// second.
void SetDeadline(grpc::ClientContext& context, Duration timeout);

// Calls other services and brings the answers to the loop. Owns what is in flight: its destructor
// cancels every call and waits until gRPC has let go, so nothing is posted to a loop or an object
// that has gone. Used and destroyed on the loop's thread (or after Run has returned).
class RpcClient {
 public:
  // `tls` is for endpoints that ask for it.
  explicit RpcClient(EventLoop& loop, std::shared_ptr<ControlTls> tls = nullptr)
      : loop_(loop), tls_(std::move(tls)) {}
  ~RpcClient();
  RpcClient(const RpcClient&) = delete;
  RpcClient& operator=(const RpcClient&) = delete;

  std::shared_ptr<grpc::Channel> Open(const std::string& target) const {
    return OpenChannel(target, tls_);
  }

  // Starts a unary call; `done` runs on the loop. `start` is the stub's asynchronous method:
  //   client.Call<StopRequest, StopResponse>(request, 2s,
  //       [&](auto* context, auto* q, auto* a, auto then) { stub.async()->Stop(context, q, a,
  //       std::move(then)); },
  //       [](absl::Status status, StopResponse& answer) { ... });
  template <typename Request, typename Response, typename Start>
  void Call(Request request, Duration timeout, Start start,
            absl::AnyInvocable<void(absl::Status, Response&)> done) {
    struct State {
      grpc::ClientContext context;
      Request request;
      Response response;
      absl::AnyInvocable<void(absl::Status, Response&)> done;
    };
    auto state = std::make_shared<State>();
    state->request = std::move(request);
    state->done = std::move(done);
    SetDeadline(state->context, timeout);
    Register(&state->context);
    start(&state->context, &state->request, &state->response,
          std::function<void(grpc::Status)>([this, state](const grpc::Status& status) {
            Complete(&state->context,
                     [state, status] { state->done(FromGrpc(status), state->response); });
          }));
  }

  // For calls that are built by hand (streams): a context in use, and the end of its use with a
  // task for the loop, which is dropped during destruction.
  void Register(grpc::ClientContext* context);
  void Complete(grpc::ClientContext* context, EventLoop::Task task);
  // A task for the loop from gRPC's threads; dropped during destruction.
  void Post(EventLoop::Task task);

  EventLoop& loop() { return loop_; }

 private:
  EventLoop& loop_;
  const std::shared_ptr<ControlTls> tls_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // loop's thread only
  std::mutex mutex_;
  std::condition_variable idle_;
  std::unordered_set<grpc::ClientContext*> in_flight_;  // guarded by mutex_
};

// Reads a Watch stream for ever: connects, hands each message to `on_message`, and after an end
// tells `on_end` and connects again after a backoff (100 ms doubling to 2 s; a stream that brought
// a message begins anew). With kWaitingMax messages waiting for the loop it reads no further until
// half of them are gone: the peer's outbox puts together what changes meanwhile, or ends the stream
// with RESOURCE_EXHAUSTED, and the next one begins with a snapshot. All callbacks run on the loop;
// none after destruction, which comes before the client's.
template <typename Response>
class WatchClient {
 public:
  struct Callbacks {
    std::function<void(const Response&)> on_message;
    std::function<void(const absl::Status&)> on_end;
  };
  // Starts the RPC; the request must outlive the call (hold it in the closure).
  using Start = std::function<void(grpc::ClientContext*, grpc::ClientReadReactor<Response>*)>;
  static constexpr size_t kWaitingMax = 1024;

  WatchClient(RpcClient& client, Start start, Callbacks callbacks)
      : client_(client), start_(std::move(start)), callbacks_(std::move(callbacks)) {
    Connect();
  }
  ~WatchClient() {
    *alive_ = false;
    client_.loop().Cancel(retry_);
    if (reader_ != nullptr) reader_->Cancel();
  }

 private:
  struct Reader : grpc::ClientReadReactor<Response> {
    explicit Reader(WatchClient& owner)
        : watch(owner), client(owner.client_), alive(owner.alive_) {}
    void OnReadDone(bool ok) override {
      if (!ok) {
        this->RemoveHold();
        return;
      }
      client.Post([this, message = std::move(response)] {
        // Lives: the end is a task posted after this one.
        if (*alive) watch.OnMessage(message);
        OnTaken();
      });
      response = Response();
      {
        std::lock_guard lock(mutex);
        paused = ++waiting >= kWaitingMax && !cancelled;
        if (paused) return;
      }
      this->StartRead(&response);
    }
    void OnTaken() {
      {
        std::lock_guard lock(mutex);
        --waiting;
        if (!paused || waiting > kWaitingMax / 2) return;
        paused = false;
      }
      this->StartRead(&response);
    }
    void Cancel() {
      context.TryCancel();
      {
        std::lock_guard lock(mutex);
        cancelled = true;
        if (!std::exchange(paused, false)) return;
      }
      // It fails, and thereby ends the call.
      this->StartRead(&response);
    }
    void OnDone(const grpc::Status& status) override {
      client.Complete(&context, [owned = std::move(self), status] {
        if (*owned->alive) owned->watch.OnEnd(FromGrpc(status));
      });
    }

    // gRPC's share, from the call's start to its end: the watch may have gone by then.
    std::shared_ptr<Reader> self;
    WatchClient& watch;
    RpcClient& client;
    std::shared_ptr<bool> alive;
    grpc::ClientContext context;
    Response response;
    std::mutex mutex;
    // Guarded by mutex: messages posted and not yet taken, and whether reading has stopped for
    // them.
    size_t waiting = 0;
    bool paused = false;
    bool cancelled = false;
  };

  void Connect() {
    retry_ = 0;
    reader_ = std::make_shared<Reader>(*this);
    reader_->self = reader_;
    client_.Register(&reader_->context);
    start_(&reader_->context, reader_.get());
    // So that it lives while nothing is being read; until the last read has failed.
    reader_->AddHold();
    reader_->StartRead(&reader_->response);
    reader_->StartCall();
  }
  void OnMessage(const Response& response) {
    backoff_ = kFirstBackoff;
    callbacks_.on_message(response);
  }
  void OnEnd(const absl::Status& status) {
    reader_.reset();
    retry_ = client_.loop().At(client_.loop().now() + backoff_, [this] { Connect(); });
    backoff_ = std::min<Duration>(backoff_ * 2, 2s);
    if (callbacks_.on_end) callbacks_.on_end(status);
  }

  static constexpr Duration kFirstBackoff = 100ms;
  RpcClient& client_;
  Start start_;
  Callbacks callbacks_;
  // Ours: the task that tells of an end may be dropped unrun by a loop that has stopped.
  std::shared_ptr<Reader> reader_;
  Duration backoff_ = kFirstBackoff;
  EventLoop::TimerId retry_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace headwater
