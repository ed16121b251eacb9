#include <linux/capability.h>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/mcast-bridge/bridge_metrics.h"
#include "services/mcast-bridge/bridge_service.h"
#include "services/mcast-bridge/bridge_shell.h"
#include "services/mcast-bridge/config.h"
#include "services/mcast-bridge/undo_shell.h"

namespace headwater::bridge {
namespace {

constexpr Duration kMetricsInterval = 1s;

class BridgeInstance final : public ServiceInstance {
 public:
  BridgeInstance(Runtime& runtime, const Options& options, std::unique_ptr<BridgeShell> shell)
      : loop_(runtime.loop),
        options_(options),
        shell_(std::move(shell)),
        metrics_(runtime.registry),
        service_(runtime.loop, *shell_) {}
  ~BridgeInstance() override { loop_.Cancel(metrics_timer_); }

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }
  absl::Status Start() override {
    shell_->Start();
    UpdateMetrics();
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> Reload() override { return shell_->Reload(options_); }
  void Drain(absl::AnyInvocable<void()> done) override {
    service_.Close();
    shell_->Stop();
    done();
  }

 private:
  void UpdateMetrics() {
    metrics_.Update(shell_->state(), service_.readers());
    metrics_timer_ = loop_.At(loop_.now() + kMetricsInterval, [this] { UpdateMetrics(); });
  }

  EventLoop& loop_;
  const Options& options_;
  std::unique_ptr<BridgeShell> shell_;
  BridgeMetrics metrics_;
  BridgeServiceImpl service_;
  EventLoop::TimerId metrics_timer_ = 0;
};

absl::StatusOr<std::unique_ptr<ServiceInstance>> Create(Runtime& runtime, const Options& options) {
  ASSIGN_OR_RETURN(auto shell, BridgeShell::Open(runtime.loop, runtime.log, options,
                                                 runtime.options.legs, PathsOf(runtime.options)));
  return std::make_unique<BridgeInstance>(runtime, options, std::move(shell));
}

}  // namespace
}  // namespace headwater::bridge

int main(int argc, char** argv) {
  using namespace headwater;
  if (argc == 4 && std::string_view(argv[1]) == "--undo") return bridge::Undo(argc, argv);
  bridge::Options read, options;
  return ServiceMain(
      argc, argv,
      {.name = "mcast-bridge",
       .summary =
           "Bridges UPnP and other multicast between links. `mcast-bridge --undo --config FILE` "
           "takes back what a bridge that was killed has changed on this machine.",
       .http_port = 9468,
       .configure = [&](ConfigTable& table,
                        const CommonOptions& common) { read = bridge::ReadOptions(table, common); },
       .accept = [&] { options = read; },
       .kept_capabilities = {CAP_NET_ADMIN, CAP_NET_RAW},
       .create = [&](Runtime& runtime) { return bridge::Create(runtime, options); }});
}
