#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/session-manager/config.h"
#include "services/session-manager/manager_shell.h"
#include "services/session-manager/session_service.h"

namespace headwater::session_manager {
namespace {

class ManagerInstance final : public ServiceInstance {
 public:
  ManagerInstance(Runtime& runtime, const Options& options, std::shared_ptr<ControlTls> tls)
      : options_(options),
        has_tls_(tls != nullptr),
        shell_(runtime.loop, runtime.log, runtime.registry, options, std::move(tls)),
        service_(runtime.loop, shell_) {}

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }
  absl::Status Start() override {
    shell_.Start();
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> Reload() override {
    if (UsesTls(options_) && !has_tls_)
      return absl::FailedPreconditionError("the first endpoint by tls:// needs a restart");
    return shell_.Reload(options_);
  }
  // Nothing is stopped: what runs goes on, and whoever starts next adopts it.
  void Drain(absl::AnyInvocable<void()> done) override {
    service_.Close();
    done();
  }

 private:
  const Options& options_;
  const bool has_tls_;
  ManagerShell shell_;
  SessionService service_;
};

}  // namespace
}  // namespace headwater::session_manager

int main(int argc, char** argv) {
  using namespace headwater;
  session_manager::Options read, options;
  return ServiceMain(
      argc, argv,
      {.name = "session-manager",
       .summary = "Decides what is served: has stations opened, announced and sent on demand",
       .http_port = 9463,
       .configure =
           [&](ConfigTable& table, const CommonOptions& common) {
             read = session_manager::ReadOptions(table, common);
           },
       .accept = [&] { options = read; },
       .create = [&](Runtime& runtime) -> absl::StatusOr<std::unique_ptr<ServiceInstance>> {
         std::shared_ptr<ControlTls> tls;
         if (session_manager::UsesTls(options)) {
           ASSIGN_OR_RETURN(tls, runtime.control());
         }
         return std::make_unique<session_manager::ManagerInstance>(runtime, options,
                                                                   std::move(tls));
       }});
}
