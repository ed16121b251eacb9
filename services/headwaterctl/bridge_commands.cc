#include "services/headwaterctl/bridge_commands.h"

#include <grpcpp/grpcpp.h>

#include "headwater/bridge/v1/bridge.grpc.pb.h"
#include "services/common/base/status_macros.h"
#include "services/common/rpc/rpc_client.h"
#include "services/headwaterctl/bridge_views.h"
#include "services/headwaterctl/print.h"

namespace headwater {
namespace {

// All of one field of every bridge.
template <typename Field>
absl::Status Show(HeadendClient& client, const Invocation& invocation, const Row& header,
                  Field field) {
  ASSIGN_OR_RETURN(const auto bridges, client.ListBridges());
  std::vector<std::decay_t<decltype(*field(bridges.front()).begin())>> items;
  for (const auto& one : bridges) {
    const auto& of_one = field(one);
    items.insert(items.end(), of_one.begin(), of_one.end());
  }
  Print(items, header, invocation.json);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<bridge::v1::WatchBridgeResponse>> HeadendClient::ListBridges() {
  ASSIGN_OR_RETURN(const std::vector<std::string> targets, TargetsOf("mcast-bridge"));
  std::vector<bridge::v1::WatchBridgeResponse> bridges;
  for (const std::string& target : targets) {
    ASSIGN_OR_RETURN(const auto channel, Open(target));
    auto stub = bridge::v1::BridgeService::NewStub(channel);
    grpc::ClientContext context;
    SetDeadline(context, patience_);
    auto reader = stub->WatchBridge(&context, bridge::v1::WatchBridgeRequest());
    bridge::v1::WatchBridgeResponse response;
    const bool read = reader->Read(&response);
    if (read) context.TryCancel();
    const grpc::Status status = reader->Finish();
    if (!read) {
      return NamedStatus(
          target, status.ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "no state") : status);
    }
    bridges.push_back(std::move(response));
  }
  return bridges;
}

absl::Status BridgeRules(HeadendClient& client, const Invocation& invocation) {
  return Show(
      client, invocation, kBridgeRuleHeader,
      [](const auto& state) -> auto& { return state.rules(); });
}

absl::Status BridgeRoutes(HeadendClient& client, const Invocation& invocation) {
  return Show(
      client, invocation, kBridgeRouteHeader,
      [](const auto& state) -> auto& { return state.routes(); });
}

absl::Status BridgeChecks(HeadendClient& client, const Invocation& invocation) {
  return Show(
      client, invocation, kBridgeCheckHeader,
      [](const auto& state) -> auto& { return state.checks(); });
}

absl::Status BridgeSmcroute(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto bridges, client.ListBridges());
  for (const auto& state : bridges) {
    if (invocation.json) {
      PrintJson(ToJson(state.smcroute()));
      continue;
    }
    PrintTable(kSmcrouteHeader, {ToRow(state.smcroute())});
    std::vector<Row> errors;
    for (const auto& error : state.smcroute().errors()) errors.push_back(ToRow(error));
    if (!errors.empty()) PrintTable(kSmcrouteErrorHeader, errors);
  }
  return absl::OkStatus();
}

}  // namespace headwater
