#include <linux/capability.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/mdns-zone-proxy/config.h"
#include "services/mdns-zone-proxy/zone_metrics.h"
#include "services/mdns-zone-proxy/zone_proxy_shell.h"
#include "services/mdns-zone-proxy/zone_service.h"

namespace headwater::zone {
namespace {

constexpr Duration kMetricsInterval = 1s;

class ZoneInstance final : public ServiceInstance {
 public:
  ZoneInstance(Runtime& runtime, const Options& options, std::unique_ptr<ZoneProxyShell> proxy)
      : loop_(runtime.loop),
        options_(options),
        proxy_(std::move(proxy)),
        metrics_(runtime.registry, *proxy_),
        service_(runtime.loop, *proxy_) {}
  ~ZoneInstance() override { loop_.Cancel(metrics_timer_); }

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }
  absl::Status Start() override {
    proxy_->Start();
    UpdateMetrics();
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> Reload() override { return proxy_->Reload(options_); }
  void Drain(absl::AnyInvocable<void()> done) override {
    service_.Close();
    proxy_->Stop();
    done();
  }

 private:
  void UpdateMetrics() {
    metrics_.Update(*proxy_, service_.readers());
    metrics_timer_ = loop_.At(loop_.now() + kMetricsInterval, [this] { UpdateMetrics(); });
  }

  EventLoop& loop_;
  const Options& options_;
  std::unique_ptr<ZoneProxyShell> proxy_;
  ZoneMetrics metrics_;
  ZoneServiceImpl service_;
  EventLoop::TimerId metrics_timer_ = 0;
};

absl::StatusOr<std::unique_ptr<ServiceInstance>> Create(Runtime& runtime, const Options& options) {
  ASSIGN_OR_RETURN(auto proxy, ZoneProxyShell::Open(runtime.loop, runtime.log, options));
  return std::make_unique<ZoneInstance>(runtime, options, std::move(proxy));
}

// Only a rule that fills a firewall is a reason to keep a privilege. One that is missing is the
// shell's to report, which knows the rule.
std::vector<int> Capabilities(const Options& options) {
  const bool firewall = std::any_of(options.rules.begin(), options.rules.end(),
                                    [](const Rule& rule) { return !rule.nft_set.set.empty(); });
  if (firewall && HasNetAdmin()) return {CAP_NET_ADMIN};
  return {};
}

}  // namespace
}  // namespace headwater::zone

int main(int argc, char** argv) {
  using namespace headwater;
  zone::Options read, options;
  ServiceDefinition definition = {
      .name = "mdns-zone-proxy",
      .summary = "Mirrors chosen mDNS services one way between isolated zones",
      .http_port = 9467,
      .configure = [&](ConfigTable& table,
                       const CommonOptions& common) { read = zone::ReadOptions(table, common); },
      .create = [&](Runtime& runtime) { return zone::Create(runtime, options); }};
  definition.accept = [&] {
    options = read;
    definition.kept_capabilities = zone::Capabilities(options);
  };
  return ServiceMain(argc, argv, definition);
}
