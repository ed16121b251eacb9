#include <memory>

#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/rtp-packager/config.h"
#include "services/rtp-packager/packager_service.h"
#include "services/rtp-packager/source/http/http_source.h"
#include "services/rtp-packager/transcode/transcoder_pool.h"

namespace headwater::packager {
namespace {

// The parts, in the order in which they need each other.
class Instance : public ServiceInstance {
 public:
  Instance(Runtime& runtime, const PackagerConfig& config, std::unique_ptr<PackagerShell> shell)
      : runtime_(runtime),
        accepted_(config),
        running_(config),
        options_(config.core),
        opener_(runtime.loop, config.http),
        transcoders_(runtime.loop, config.transcoders),
        metrics_(runtime.registry),
        shell_(std::move(shell)),
        rpc_(runtime.loop, runtime.log, options_, metrics_, *shell_, {opener_, transcoders_}) {}
  ~Instance() override { runtime_.loop.Cancel(metrics_timer_); }

  std::vector<grpc::Service*> GrpcServices() override { return {&rpc_}; }

  absl::Status Start() override {
    UpdateMetrics();
    return absl::OkStatus();
  }

  absl::Status Open() {
    return shell_->Start(opener_, &transcoders_,
                         {.on_changes = [this](const auto& channels) { rpc_.OnChanges(channels); },
                          .on_legs = [this] { rpc_.OnLegs(); }});
  }

  absl::StatusOr<std::vector<std::string>> Reload() override {
    options_ = accepted_.core;
    shell_->Call([this](Packager& core) {
      core.SetOptions(options_);
      return true;
    });
    rpc_.OnLegs();
    return RestartKeys(running_, accepted_);
  }

  void Drain(absl::AnyInvocable<void()> done) override {
    rpc_.Close();
    shell_->Call([](Packager& core) {
      core.StopAll();
      return true;
    });
    // The second BYE, and a moment for it to leave.
    runtime_.loop.At(runtime_.loop.now() + 2 * options_.bye_gap, std::move(done));
  }

 private:
  void UpdateMetrics() {
    metrics_.Update(shell_->core(), shell_->sender_stats(),
                    {shell_->rtcp_dropped_total(), shell_->feed_dropped_total()});
    metrics_.Update(transcoders_.Stats());
    metrics_.Update(opener_.stats());
    metrics_timer_ = runtime_.loop.At(runtime_.loop.now() + options_.status_interval,
                                      [this] { UpdateMetrics(); });
  }

  Runtime& runtime_;
  // As in the file, and as at the start.
  const PackagerConfig& accepted_;
  const PackagerConfig running_;
  Options options_;
  HttpSourceOpener opener_;
  TranscoderPool transcoders_;
  PackagerMetrics metrics_;
  std::unique_ptr<PackagerShell> shell_;
  PackagerRpc rpc_;
  EventLoop::TimerId metrics_timer_ = 0;
};

absl::StatusOr<std::unique_ptr<ServiceInstance>> Create(Runtime& runtime,
                                                        const PackagerConfig& config) {
  ASSIGN_OR_RETURN(std::unique_ptr<PackagerShell> shell,
                   PackagerShell::Open(runtime.loop, runtime.log, config.core, runtime.options.legs,
                                       config.feeds));
  auto instance = std::make_unique<Instance>(runtime, config, std::move(shell));
  RETURN_IF_ERROR(instance->Open());
  return instance;
}

}  // namespace
}  // namespace headwater::packager

int main(int argc, char** argv) {
  headwater::packager::PackagerConfig read;
  headwater::packager::PackagerConfig accepted;
  return headwater::ServiceMain(
      argc, argv,
      {.name = "rtp-packager",
       .summary = "Opens sources and sends them as RTP to multicast groups.",
       .http_port = 9464,
       .configure =
           [&](headwater::ConfigTable& table, const headwater::CommonOptions&) {
             read = headwater::packager::ReadConfig(table);
           },
       .accept = [&] { accepted = read; },
       .needs_privileges = true,
       .create =
           [&](headwater::Runtime& runtime) {
             return headwater::packager::Create(runtime, accepted);
           }});
}
