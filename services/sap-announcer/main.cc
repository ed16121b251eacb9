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
  AnnouncerInstance(EventLoop& loop, std::unique_ptr<AnnouncerShell> shell)
      : shell_(std::move(shell)), service_(loop, *shell_) {}

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }
  // No deletions: whoever starts next goes on with these announcements.
  void Drain(absl::AnyInvocable<void()> done) override {
    service_.Close();
    done();
  }

 private:
  std::unique_ptr<AnnouncerShell> shell_;
  AnnounceService service_;
};

absl::StatusOr<std::unique_ptr<ServiceInstance>> Create(Runtime& runtime,
                                                        AnnouncerOptions options) {
  options.seed = static_cast<uint32_t>(absl::ToUnixNanos(WallNow()));
  ASSIGN_OR_RETURN(auto shell, AnnouncerShell::Open(runtime.loop, runtime.log, runtime.registry,
                                                    options, runtime.options.legs));
  return std::make_unique<AnnouncerInstance>(runtime.loop, std::move(shell));
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
