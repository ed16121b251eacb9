#include "services/headwaterctl/monitor_client_shell.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "headwater/monitor/v1/monitor.grpc.pb.h"
#include "services/common/base/status_macros.h"
#include "services/common/rpc/rpc_client.h"
#include "services/headwaterctl/client_shell.h"

namespace headwater {
namespace {

namespace pb = monitor::v1;

constexpr size_t kPageMax = 1000;

}  // namespace

std::string MonitorClient::Target(const std::string& monitor, const std::string& manager) {
  if (!monitor.empty()) return monitor;
  const size_t slash = manager.rfind('/');
  const bool has_folder = manager.starts_with("unix:") && slash != std::string::npos;
  return (has_folder ? manager.substr(0, slash) : "unix:/run/headwater") + "/mcast-monitor.sock";
}

absl::Status MonitorClient::Watch(
    const pb::WatchEventsRequest& request,
    absl::FunctionRef<bool(const pb::WatchEventsResponse&)> on_event) {
  ASSIGN_OR_RETURN(const auto channel, client_.Open(target_));
  auto stub = pb::MonitorService::NewStub(channel);
  grpc::ClientContext context;
  auto reader = stub->WatchEvents(&context, request);
  pb::WatchEventsResponse response;
  while (reader->Read(&response)) {
    if (on_event(response)) continue;
    context.TryCancel();
    static_cast<void>(reader->Finish());
    return absl::OkStatus();
  }
  return NamedStatus(target_, reader->Finish());
}

absl::StatusOr<std::vector<pb::Event>> MonitorClient::Search(const pb::EventFilter& filter,
                                                             size_t limit) {
  ASSIGN_OR_RETURN(const auto channel, client_.Open(target_));
  auto stub = pb::MonitorService::NewStub(channel);
  std::vector<pb::Event> events;
  pb::SearchEventsRequest request;
  *request.mutable_filter() = filter;
  while (events.size() < limit) {
    request.set_page_size(static_cast<uint32_t>(std::min(limit - events.size(), kPageMax)));
    grpc::ClientContext context;
    SetDeadline(context, patience_);
    pb::SearchEventsResponse response;
    RETURN_IF_ERROR(NamedStatus(target_, stub->SearchEvents(&context, request, &response)));
    events.insert(events.end(), response.events().begin(), response.events().end());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  return events;
}

absl::StatusOr<pb::GetNtpResponse> MonitorClient::Ntp() {
  ASSIGN_OR_RETURN(const auto channel, client_.Open(target_));
  auto stub = pb::MonitorService::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(context, patience_);
  pb::GetNtpResponse response;
  RETURN_IF_ERROR(NamedStatus(target_, stub->GetNtp(&context, {}, &response)));
  return response;
}

absl::StatusOr<pb::GetStatusResponse> MonitorClient::Status() {
  ASSIGN_OR_RETURN(const auto channel, client_.Open(target_));
  auto stub = pb::MonitorService::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(context, patience_);
  pb::GetStatusResponse response;
  RETURN_IF_ERROR(NamedStatus(target_, stub->GetStatus(&context, {}, &response)));
  return response;
}

}  // namespace headwater
