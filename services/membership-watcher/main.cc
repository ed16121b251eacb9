#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/membership-watcher/config.h"
#include "services/membership-watcher/membership_metrics.h"
#include "services/membership-watcher/membership_service.h"
#include "services/membership-watcher/membership_shell.h"

namespace headwater::membership {
namespace {

constexpr Duration kMetricsInterval = 1s;

// The parts, in the order in which they need each other.
class Instance : public ServiceInstance {
 public:
  Instance(Runtime& runtime, const WatcherOptions& options, std::unique_ptr<MembershipShell> shell)
      : loop_(runtime.loop),
        options_(options),
        shell_(std::move(shell)),
        metrics_(runtime.registry, *shell_),
        service_(runtime.loop, *shell_) {}
  ~Instance() override { loop_.Cancel(metrics_timer_); }

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }

  absl::Status Start() override {
    UpdateMetrics();
    return shell_->Start(service_);
  }

  // All keys of the table but one can change live.
  absl::StatusOr<std::vector<std::string>> Reload() override {
    shell_->SetOptions(options_);
    const bool other_eyes =
        std::any_of(shell_->links().begin(), shell_->links().end(), [&](const auto& link) {
          const Observe wanted = options_.For(link->leg.link).observe;
          return link->membership.observes_mdb() != (wanted == Observe::kMdb);
        });
    if (other_eyes) return std::vector<std::string>{"membership-watcher.observe"};
    return std::vector<std::string>();
  }

  void Drain(absl::AnyInvocable<void()> done) override {
    shell_->End();
    service_.Close();
    done();
  }

 private:
  void UpdateMetrics() {
    metrics_.Update(*shell_, service_.readers(), loop_.now());
    metrics_timer_ = loop_.At(loop_.now() + kMetricsInterval, [this] { UpdateMetrics(); });
  }

  EventLoop& loop_;
  const WatcherOptions& options_;
  std::unique_ptr<MembershipShell> shell_;
  MembershipMetrics metrics_;
  MembershipServiceImpl service_;
  EventLoop::TimerId metrics_timer_ = 0;
};

absl::StatusOr<std::unique_ptr<ServiceInstance>> Create(Runtime& runtime,
                                                        const WatcherOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<MembershipShell> shell,
                   MembershipShell::Open(runtime.loop, runtime.log, options, runtime.options.legs));
  return std::make_unique<Instance>(runtime, options, std::move(shell));
}

}  // namespace
}  // namespace headwater::membership

int main(int argc, char** argv) {
  headwater::membership::WatcherOptions read;
  headwater::membership::WatcherOptions options;
  return headwater::ServiceMain(
      argc, argv,
      {.name = "membership-watcher",
       .summary = "Sees who listens to which multicast group, on each link.",
       .http_port = 9461,
       .configure =
           [&](headwater::ConfigTable& table, const headwater::CommonOptions& common) {
             if (common.legs.empty()) {
               table.Fault("legs", "[legs] names no link: there is nothing to watch");
             }
             read = {};
             std::vector<std::string> links;
             for (const headwater::LegConfig& leg : common.legs) links.push_back(leg.link);
             headwater::membership::ReadOptions(table, links, read);
           },
       .accept = [&] { options = read; },
       .needs_privileges = true,
       .create =
           [&](headwater::Runtime& runtime) {
             return headwater::membership::Create(runtime, options);
           }});
}
