#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/common/time/clock.h"
#include "services/sap-announcer/announce_service.h"
#include "services/sap-announcer/announcer_shell.h"
#include "services/sap-announcer/config.h"

namespace headwater {
namespace {

class AnnouncerInstance final : public ServiceInstance {
 public:
  AnnouncerInstance(EventLoop& loop, const AnnouncerOptions& options,
                    std::unique_ptr<AnnouncerShell> shell)
      : options_(options), shell_(std::move(shell)), service_(loop, *shell_) {}

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }
  absl::StatusOr<std::vector<std::string>> Reload() override {
    return shell_->SetOptions(options_);
  }
  // No deletions: whoever starts next goes on with these announcements.
  void Drain(absl::AnyInvocable<void()> done) override {
    service_.Close();
    done();
  }

 private:
  const AnnouncerOptions& options_;
  std::unique_ptr<AnnouncerShell> shell_;
  AnnounceService service_;
};

absl::StatusOr<std::unique_ptr<ServiceInstance>> Create(Runtime& runtime,
                                                        const AnnouncerOptions& options) {
  AnnouncerOptions seeded = options;
  seeded.seed = static_cast<uint32_t>(absl::ToUnixNanos(WallNow()));
  ASSIGN_OR_RETURN(auto shell, AnnouncerShell::Open(runtime.loop, runtime.log, runtime.registry,
                                                    seeded, runtime.options.legs));
  return std::make_unique<AnnouncerInstance>(runtime.loop, options, std::move(shell));
}

}  // namespace
}  // namespace headwater

int main(int argc, char** argv) {
  using namespace headwater;
  AnnouncerOptions read, options;
  return ServiceMain(
      argc, argv,
      {.name = "sap-announcer",
       .summary = "Announces sessions by SAP into their own groups",
       .http_port = 9465,
       .configure = [&](ConfigTable& table,
                        const CommonOptions&) { read = ReadAnnouncerOptions(table); },
       .accept = [&] { options = read; },
       .create = [&](Runtime& runtime) { return Create(runtime, options); }});
}
