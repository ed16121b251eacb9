#include <memory>
#include <utility>
#include <vector>

#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/dvb-tuner/config.h"
#include "services/dvb-tuner/tuner_metrics.h"
#include "services/dvb-tuner/tuner_service.h"
#include "services/dvb-tuner/tuner_shell.h"

namespace headwater::tuner {
namespace {

constexpr Duration kMetricsInterval = 1s;

class TunerInstance final : public ServiceInstance {
 public:
  TunerInstance(Runtime& runtime, const Options& options, std::unique_ptr<TunerShell> shell)
      : loop_(runtime.loop),
        options_(options),
        shell_(std::move(shell)),
        metrics_(runtime.registry, shell_->reception()),
        service_(runtime.loop, *shell_) {}
  ~TunerInstance() override { loop_.Cancel(metrics_timer_); }

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }
  absl::Status Start() override {
    UpdateMetrics();
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> Reload() override { return shell_->Reload(options_); }
  void Drain(absl::AnyInvocable<void()> done) override {
    service_.Close();
    shell_->StopAll();
    done();
  }

 private:
  void UpdateMetrics() {
    metrics_.Update(*shell_, service_.readers());
    metrics_timer_ = loop_.At(loop_.now() + kMetricsInterval, [this] { UpdateMetrics(); });
  }

  EventLoop& loop_;
  const Options& options_;
  std::unique_ptr<TunerShell> shell_;
  TunerMetrics metrics_;
  TunerServiceImpl service_;
  EventLoop::TimerId metrics_timer_ = 0;
};

absl::StatusOr<std::unique_ptr<ServiceInstance>> Create(Runtime& runtime, const Options& options) {
  // "<run_dir>/dvb-tuner", with the instance's number as the socket has it; the state's likewise.
  std::string run = runtime.options.SocketPath("dvb-tuner");
  run.erase(run.rfind(".sock"));
  const std::string state = runtime.options.state_dir + run.substr(run.rfind('/'));
  ASSIGN_OR_RETURN(auto shell, TunerShell::Open(runtime.loop, runtime.log, options, {run, state}));
  return std::make_unique<TunerInstance>(runtime, options, std::move(shell));
}

}  // namespace
}  // namespace headwater::tuner

int main(int argc, char** argv) {
  using namespace headwater;
  tuner::Options read, options;
  return ServiceMain(argc, argv,
                     {.name = "dvb-tuner",
                      .summary = "Receives DVB services and sends them to whoever leases them",
                      .http_port = 9466,
                      .configure = [&](ConfigTable& table,
                                       const CommonOptions&) { read = tuner::ReadOptions(table); },
                      .accept = [&] { options = read; },
                      .check = [&] { return tuner::CheckCarriers(options); },
                      .create = [&](Runtime& runtime) { return tuner::Create(runtime, options); }});
}
