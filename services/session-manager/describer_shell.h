#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "headwater/announce/v1/announce.grpc.pb.h"
#include "services/common/rpc/rpc_client.h"
#include "services/session-manager/describer.h"
#include "services/session-manager/options.h"
#include "services/session-manager/probing_shell.h"

namespace headwater::session_manager {

// Hears every announcer's questions and performs what the describer makes of them. On the loop's
// thread.
class DescriberShell {
 public:
  // The plan in force; null when none is known.
  using Plan = std::function<const NumberPlan*()>;

  // The options are the manager's, which may change.
  DescriberShell(RpcClient& rpc, ProbingShell& probing, const Options& options, Plan plan,
                 ProbingShell::OnFailure on_failure);

  // The next one in the order of the options.
  void AddSender(const SenderOptions& sender);
  // Ends the watches; calls under way are the client's to end.
  void Close();

 private:
  using Watch = WatchClient<announce::v1::WatchQuestionsResponse>;
  struct Sender {
    std::unique_ptr<announce::v1::AnnounceService::Stub> announcer;
    std::unique_ptr<Watch> watch;
  };

  void OnMessage(size_t sender, const announce::v1::WatchQuestionsResponse& message);
  void PerformAll(const DescriberActions& actions);
  void Perform(const LookUp& action);
  void Perform(const ProbeSource& action);
  void Perform(const ReportCheck& action) { probing_.Report(action); }
  void Perform(const AnswerQuestion& action);

  RpcClient& rpc_;
  ProbingShell& probing_;
  const Options& options_;
  const Plan plan_;
  const ProbingShell::OnFailure on_failure_;
  Describer describer_;
  const announce::v1::WatchQuestionsRequest request_;
  std::vector<Sender> senders_;
};

}  // namespace headwater::session_manager
