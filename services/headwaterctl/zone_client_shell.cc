#include "services/headwaterctl/zone_client_shell.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <tuple>

#include "headwater/zone/v1/zone.grpc.pb.h"
#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/rpc/rpc_client.h"

namespace headwater {
namespace {

namespace pb = zone::v1;

constexpr char kService[] = "mdns-zone-proxy";
constexpr Duration kPatience = 5s;
constexpr Duration kResolveTime = 2s;

absl::StatusOr<std::string> ProxyTarget(HeadendClient& client) {
  const auto endpoints = client.ListEndpoints();
  if (endpoints.ok()) {
    for (const session::v1::Endpoint& endpoint : *endpoints) {
      if (endpoint.service() == kService) return endpoint.target();
    }
  }
  const std::string& manager = client.manager();
  const size_t slash = manager.rfind('/');
  if (manager.starts_with("unix:") && slash != std::string::npos)
    return manager.substr(0, slash + 1) + kService + ".sock";
  if (!endpoints.ok()) return endpoints.status();
  return absl::UnavailableError(ToAbsl(fmt::format("{} knows no {}", manager, kService)));
}

absl::StatusOr<std::unique_ptr<pb::ZoneService::Stub>> Stub(HeadendClient& client,
                                                            const std::string& target) {
  ASSIGN_OR_RETURN(const auto channel, client.Open(target));
  return pb::ZoneService::NewStub(channel);
}

// Until `on_event` says no, the stream ends, or its time is over, which is an error only where the
// snapshot was not complete.
template <typename Reader, typename Event>
absl::Status Follow(const std::string& target, grpc::ClientContext& context, Reader& reader,
                    absl::FunctionRef<bool(const Event&)> on_event) {
  Event event;
  bool synced = false;
  while (reader.Read(&event)) {
    synced = synced || event.has_synced();
    if (on_event(event)) continue;
    context.TryCancel();
    static_cast<void>(reader.Finish());
    return absl::OkStatus();
  }
  const grpc::Status status = reader.Finish();
  if (synced && status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return absl::OkStatus();
  return NamedStatus(target, status);
}

}  // namespace

absl::StatusOr<pb::ListZonesResponse> ListZones(HeadendClient& client) {
  ASSIGN_OR_RETURN(const std::string target, ProxyTarget(client));
  grpc::ClientContext context;
  SetDeadline(context, kPatience);
  pb::ListZonesResponse response;
  ASSIGN_OR_RETURN(const auto stub, Stub(client, target));
  const grpc::Status status = stub->ListZones(&context, pb::ListZonesRequest(), &response);
  if (!status.ok()) return NamedStatus(target, status);
  return response;
}

absl::StatusOr<std::vector<pb::Mirrored>> ListMirrored(HeadendClient& client) {
  ASSIGN_OR_RETURN(const std::string target, ProxyTarget(client));
  grpc::ClientContext context;
  SetDeadline(context, kPatience);
  ASSIGN_OR_RETURN(const auto stub, Stub(client, target));
  const auto reader = stub->WatchMirrored(&context, pb::WatchMirroredRequest());
  std::vector<pb::Mirrored> mirrored;
  RETURN_IF_ERROR((Follow<decltype(*reader), pb::WatchMirroredResponse>(
      target, context, *reader, [&](const pb::WatchMirroredResponse& response) {
        if (response.has_mirrored()) mirrored.push_back(response.mirrored());
        return !response.has_synced();
      })));
  return mirrored;
}

absl::StatusOr<std::vector<pb::Service>> ListServices(HeadendClient& client,
                                                      const pb::WatchServicesRequest& request) {
  ASSIGN_OR_RETURN(const std::string target, ProxyTarget(client));
  grpc::ClientContext context;
  SetDeadline(context, request.resolve() ? kResolveTime : kPatience);
  ASSIGN_OR_RETURN(const auto stub, Stub(client, target));
  const auto reader = stub->WatchServices(&context, request);
  std::map<std::tuple<std::string, std::string, std::string>, pb::Service> services;
  RETURN_IF_ERROR((Follow<decltype(*reader), pb::WatchServicesResponse>(
      target, context, *reader, [&](const pb::WatchServicesResponse& response) {
        if (response.has_service()) {
          const pb::Service& service = response.service();
          services[{service.zone(), service.type(), service.name()}] = service;
        } else if (response.has_removed()) {
          const pb::RemovedService& gone = response.removed();
          services.erase({gone.zone(), gone.type(), gone.name()});
        }
        return request.resolve() || !response.has_synced();
      })));
  std::vector<pb::Service> list;
  for (auto& [key, service] : services) list.push_back(std::move(service));
  return list;
}

absl::Status WatchServices(HeadendClient& client, const pb::WatchServicesRequest& request,
                           absl::FunctionRef<bool(const pb::WatchServicesResponse&)> on_event) {
  ASSIGN_OR_RETURN(const std::string target, ProxyTarget(client));
  grpc::ClientContext context;
  ASSIGN_OR_RETURN(const auto stub, Stub(client, target));
  const auto reader = stub->WatchServices(&context, request);
  return Follow<decltype(*reader), pb::WatchServicesResponse>(target, context, *reader, on_event);
}

absl::StatusOr<pb::CheckPolicyResponse> CheckPolicy(HeadendClient& client,
                                                    const pb::CheckPolicyRequest& request) {
  ASSIGN_OR_RETURN(const std::string target, ProxyTarget(client));
  grpc::ClientContext context;
  SetDeadline(context, kPatience);
  pb::CheckPolicyResponse response;
  ASSIGN_OR_RETURN(const auto stub, Stub(client, target));
  const grpc::Status status = stub->CheckPolicy(&context, request, &response);
  // The text names file and key already; the target would be in the way.
  if (status.error_code() == grpc::StatusCode::INVALID_ARGUMENT)
    return absl::InvalidArgumentError(ToAbsl(status.error_message()));
  if (!status.ok()) return NamedStatus(target, status);
  return response;
}

}  // namespace headwater
