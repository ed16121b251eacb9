#include <memory>
#include <utility>
#include <vector>

#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/mcast-monitor/config.h"
#include "services/mcast-monitor/monitor_metrics.h"
#include "services/mcast-monitor/monitor_service.h"
#include "services/mcast-monitor/monitor_shell.h"

namespace headwater::monitor {
namespace {

constexpr Duration kMetricsInterval = 1s;

class MonitorInstance final : public ServiceInstance {
 public:
  MonitorInstance(Runtime& runtime, const Options& options, std::unique_ptr<MonitorShell> shell)
      : loop_(runtime.loop),
        options_(options),
        shell_(std::move(shell)),
        metrics_(runtime.registry, *shell_),
        service_(runtime.loop, *shell_) {}
  ~MonitorInstance() override { loop_.Cancel(metrics_timer_); }

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }
  absl::Status Start() override {
    shell_->Start();
    UpdateMetrics();
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> Reload() override { return shell_->Reload(options_); }
  void Drain(absl::AnyInvocable<void()> done) override {
    service_.Close();
    done();
  }

 private:
  void UpdateMetrics() {
    metrics_.Update(*shell_, service_.readers());
    metrics_timer_ = loop_.At(loop_.now() + kMetricsInterval, [this] { UpdateMetrics(); });
  }

  EventLoop& loop_;
  const Options& options_;
  std::unique_ptr<MonitorShell> shell_;
  MonitorMetrics metrics_;
  MonitorServiceImpl service_;
  EventLoop::TimerId metrics_timer_ = 0;
};

absl::StatusOr<std::unique_ptr<ServiceInstance>> Create(Runtime& runtime, const Options& options) {
  // "<state_dir>/mcast-monitor", with the instance's number as the socket has it.
  std::string run = runtime.options.SocketPath("mcast-monitor");
  run.erase(run.rfind(".sock"));
  const std::string state = runtime.options.state_dir + run.substr(run.rfind('/'));
  ASSIGN_OR_RETURN(auto shell, MonitorShell::Open(runtime.loop, runtime.log, options,
                                                  runtime.options.legs, state));
  return std::make_unique<MonitorInstance>(runtime, options, std::move(shell));
}

}  // namespace
}  // namespace headwater::monitor

int main(int argc, char** argv) {
  using namespace headwater;
  monitor::Options read, options;
  return ServiceMain(
      argc, argv,
      {.name = "mcast-monitor",
       .summary = "Serves NTP, and takes SNMP notifications and syslog, that come by multicast",
       .http_port = 9469,
       .configure =
           [&](ConfigTable& table, const CommonOptions& common) {
             read = monitor::ReadOptions(table, common);
           },
       .accept = [&] { options = read; },
       .needs_privileges = true,
       .create = [&](Runtime& runtime) { return monitor::Create(runtime, options); }});
}
