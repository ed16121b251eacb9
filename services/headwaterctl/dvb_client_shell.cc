// What dvb-tuner is asked; the rest of HeadendClient is in client_shell.cc.
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "headwater/tuner/v1/tuner.grpc.pb.h"
#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/rpc/rpc_client.h"
#include "services/headwaterctl/client_shell.h"

namespace headwater {
namespace {

constexpr char kService[] = "dvb-tuner";

// Calls `on_event` until it returns false or the stream ends.
template <typename Reader, typename Event>
absl::Status Follow(const std::string& target, grpc::ClientContext& context, Reader& reader,
                    absl::FunctionRef<bool(const Event&)> on_event) {
  Event event;
  while (reader.Read(&event)) {
    if (on_event(event)) continue;
    context.TryCancel();
    static_cast<void>(reader.Finish());
    return absl::OkStatus();
  }
  return NamedStatus(target, reader.Finish());
}

absl::Status EndedEarly(const std::string& target) {
  return absl::UnavailableError(ToAbsl(target + ": the list ended early"));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> HeadendClient::TargetsOf(const std::string& service) {
  const auto endpoints = ListEndpoints();
  std::vector<std::string> targets;
  if (endpoints.ok()) {
    for (const session::v1::Endpoint& endpoint : *endpoints) {
      if (endpoint.service() == service) targets.push_back(endpoint.target());
    }
  }
  if (!targets.empty()) return targets;
  const size_t slash = manager_.rfind('/');
  if (manager_.starts_with("unix:") && slash != std::string::npos)
    return std::vector<std::string>{manager_.substr(0, slash + 1) + service + ".sock"};
  if (!endpoints.ok()) return endpoints.status();
  return absl::UnavailableError(ToAbsl(fmt::format("{} knows no {}", manager_, service)));
}

absl::StatusOr<std::vector<tuner::v1::Tuner>> HeadendClient::ListTuners() {
  ASSIGN_OR_RETURN(const std::vector<std::string> targets, TargetsOf(kService));
  std::vector<tuner::v1::Tuner> tuners;
  for (const std::string& target : targets) {
    ASSIGN_OR_RETURN(const auto channel, Open(target));
    auto stub = tuner::v1::TunerService::NewStub(channel);
    grpc::ClientContext context;
    SetDeadline(context, patience_);
    auto reader = stub->WatchTuners(&context, tuner::v1::WatchTunersRequest());
    bool told = false;
    RETURN_IF_ERROR((Follow<decltype(*reader), tuner::v1::WatchTunersResponse>(
        target, context, *reader, [&](const tuner::v1::WatchTunersResponse& response) {
          told = true;
          tuners.insert(tuners.end(), response.tuners().begin(), response.tuners().end());
          return false;
        })));
    if (!told) return EndedEarly(target);
  }
  return tuners;
}

absl::StatusOr<std::vector<tuner::v1::Carrier>> HeadendClient::ListCarriers() {
  ASSIGN_OR_RETURN(const std::vector<std::string> targets, TargetsOf(kService));
  std::vector<tuner::v1::Carrier> carriers;
  for (const std::string& target : targets) {
    ASSIGN_OR_RETURN(const auto channel, Open(target));
    auto stub = tuner::v1::TunerService::NewStub(channel);
    grpc::ClientContext context;
    SetDeadline(context, patience_);
    auto reader = stub->WatchLineup(&context, tuner::v1::WatchLineupRequest());
    bool synced = false;
    RETURN_IF_ERROR((Follow<decltype(*reader), tuner::v1::WatchLineupResponse>(
        target, context, *reader, [&](const tuner::v1::WatchLineupResponse& response) {
          if (response.has_carrier()) carriers.push_back(response.carrier());
          synced = response.has_synced();
          return !synced;
        })));
    if (!synced) return EndedEarly(target);
  }
  return carriers;
}

absl::Status HeadendClient::WatchTuners(
    absl::FunctionRef<bool(const tuner::v1::WatchTunersResponse&)> on_event) {
  ASSIGN_OR_RETURN(const std::vector<std::string> targets, TargetsOf(kService));
  ASSIGN_OR_RETURN(const auto channel, Open(targets.front()));
  auto stub = tuner::v1::TunerService::NewStub(channel);
  grpc::ClientContext context;
  auto reader = stub->WatchTuners(&context, tuner::v1::WatchTunersRequest());
  return Follow<decltype(*reader), tuner::v1::WatchTunersResponse>(targets.front(), context,
                                                                   *reader, on_event);
}

absl::Status HeadendClient::Scan(const tuner::v1::ScanRequest& request,
                                 absl::FunctionRef<bool(const tuner::v1::ScanResponse&)> on_event) {
  ASSIGN_OR_RETURN(const std::vector<std::string> targets, TargetsOf(kService));
  ASSIGN_OR_RETURN(const auto channel, Open(targets.front()));
  auto stub = tuner::v1::TunerService::NewStub(channel);
  grpc::ClientContext context;
  auto reader = stub->Scan(&context, request);
  return Follow<decltype(*reader), tuner::v1::ScanResponse>(targets.front(), context, *reader,
                                                            on_event);
}

}  // namespace headwater
