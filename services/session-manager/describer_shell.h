#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "headwater/announce/v1/announce.grpc.pb.h"
#include "headwater/directory/v1/directory.grpc.pb.h"
#include "headwater/packager/v1/packager.grpc.pb.h"
#include "services/common/rpc/rpc_client.h"
#include "services/session-manager/describer.h"
#include "services/session-manager/options.h"

namespace headwater::session_manager {

// Hears every announcer's questions and performs what the describer makes of them. On the loop's
// thread.
class DescriberShell {
 public:
  // Told the name of a call that failed.
  using OnFailure = std::function<void(const std::string& call)>;
  // The plan in force; null when none is known.
  using Plan = std::function<const NumberPlan*()>;

  DescriberShell(RpcClient& rpc, const Options& options, Plan plan, OnFailure on_failure);
  // Ends the watches; calls under way are the client's to end.
  void Close();

 private:
  // Questions live 3 s; a source that takes longer is known to who asks next.
  static constexpr Duration kProbeTimeout = 10s;

  using Watch = WatchClient<announce::v1::WatchQuestionsResponse>;
  struct Sender {
    std::unique_ptr<announce::v1::AnnounceService::Stub> announcer;
    std::unique_ptr<packager::v1::PackagerService::Stub> packager;
    std::unique_ptr<Watch> watch;
  };

  void OnMessage(size_t sender, const announce::v1::WatchQuestionsResponse& message);
  void PerformAll(const DescriberActions& actions);
  void Perform(const LookUp& action);
  void Perform(const ProbeSource& action);
  void Perform(const ReportCheck& action);
  void Perform(const AnswerQuestion& action);

  RpcClient& rpc_;
  const Options options_;
  const Plan plan_;
  const OnFailure on_failure_;
  Describer describer_;
  const announce::v1::WatchQuestionsRequest request_;
  std::unique_ptr<directory::v1::DirectoryService::Stub> directory_;
  std::vector<Sender> senders_;
};

}  // namespace headwater::session_manager
