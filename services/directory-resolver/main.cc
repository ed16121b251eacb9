#include <memory>
#include <utility>
#include <vector>

#include "services/common/base/status_macros.h"
#include "services/common/runtime/service_main.h"
#include "services/directory-resolver/config.h"
#include "services/directory-resolver/directory_service.h"
#include "services/directory-resolver/directory_shell.h"

namespace headwater::directory_resolver {
namespace {

class DirectoryInstance final : public ServiceInstance {
 public:
  DirectoryInstance(EventLoop& loop, std::unique_ptr<DirectoryShell> shell, const Options& options)
      : options_(options), shell_(std::move(shell)), service_(loop, *shell_) {}

  std::vector<grpc::Service*> GrpcServices() override { return {&service_}; }
  absl::StatusOr<std::vector<std::string>> Reload() override { return shell_->Reload(options_); }
  void Drain(absl::AnyInvocable<void()> done) override {
    service_.Close();
    done();
  }

 private:
  const Options& options_;
  std::unique_ptr<DirectoryShell> shell_;
  DirectoryService service_;
};

}  // namespace
}  // namespace headwater::directory_resolver

int main(int argc, char** argv) {
  using namespace headwater;
  directory_resolver::Options read, options;
  return ServiceMain(
      argc, argv,
      {.name = "directory-resolver",
       .summary = "Keeps the number plan and the stations, and exports playlists",
       .http_port = 9462,
       .configure =
           [&](ConfigTable& table, const CommonOptions& common) {
             read = directory_resolver::ReadOptions(table, common.state_dir);
           },
       .accept = [&] { options = read; },
       .check = [&] { return directory_resolver::ReadLineups(options).status(); },
       .create = [&](Runtime& runtime) -> absl::StatusOr<std::unique_ptr<ServiceInstance>> {
         ASSIGN_OR_RETURN(auto shell, directory_resolver::DirectoryShell::Open(
                                          runtime.loop, runtime.log, runtime.registry, options));
         return std::make_unique<directory_resolver::DirectoryInstance>(runtime.loop,
                                                                        std::move(shell), options);
       }});
}
