#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headwater/directory/v1/directory.grpc.pb.h"
#include "headwater/packager/v1/packager.grpc.pb.h"
#include "services/common/rpc/rpc_client.h"
#include "services/session-manager/checker.h"
#include "services/session-manager/options.h"
#include "services/session-manager/probing.h"

namespace headwater::session_manager {

// Asks the directory-resolver about stations that nobody plays, has packagers look at their
// sources, and reports what that has shown. On the loop's thread.
class ProbingShell {
 public:
  // Told the name of a call that failed.
  using OnFailure = std::function<void(const std::string& call)>;

  // The options are the manager's, whose timeout may change.
  ProbingShell(RpcClient& rpc, const Options& options, OnFailure on_failure);

  // The next one in the order of the options.
  void AddSender(const SenderOptions& sender);

  void LookUp(uint32_t number, absl::AnyInvocable<void(absl::StatusOr<Station>)> done);
  void NextDue(absl::AnyInvocable<void(absl::StatusOr<std::optional<DueStation>>)> done);
  void Probe(const ProbeSource& probe, absl::AnyInvocable<void(absl::StatusOr<Probed>)> done);
  void Report(const ReportCheck& report);

 private:
  // As long as a session may take to start by default: what is slower does not play either.
  static constexpr Duration kProbeTimeout = 10s;

  RpcClient& rpc_;
  const Options& options_;
  const OnFailure on_failure_;
  std::unique_ptr<directory::v1::DirectoryService::Stub> directory_;
  std::vector<std::unique_ptr<packager::v1::PackagerService::Stub>> packagers_;
};

}  // namespace headwater::session_manager
