#include "services/headwaterctl/client_shell.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "headwater/membership/v1/membership.grpc.pb.h"
#include "headwater/packager/v1/packager.grpc.pb.h"
#include "headwater/session/v1/session.grpc.pb.h"
#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/control/control_endpoint.h"
#include "services/common/rpc/rpc_client.h"
#include "services/common/time/clock.h"

namespace headwater {
namespace {

// One unary call; `method` is the stub's.
template <typename Service, typename Request, typename Response>
absl::StatusOr<Response> Ask(HeadendClient& client, const std::string& target, Duration patience,
                             const Request& request,
                             grpc::Status (Service::Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*)) {
  ASSIGN_OR_RETURN(const auto channel, client.Open(target));
  auto stub = Service::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(context, patience);
  Response response;
  RETURN_IF_ERROR(NamedStatus(target, (stub.get()->*method)(&context, request, &response)));
  return response;
}

// A document may be large and its server slow.
constexpr Duration kFetchPatience = 10min;
constexpr Duration kProbePatience = 40s;
constexpr char kRole[] = "headwaterctl";

using DirectoryStub = directory::v1::DirectoryService;
using SessionStub = session::v1::SessionService;

absl::Status ReadGroups(HeadendClient& client, const std::string& target, Duration patience,
                        std::vector<membership::v1::GroupMembership>& out) {
  ASSIGN_OR_RETURN(const auto channel, client.Open(target));
  auto stub = membership::v1::MembershipService::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(context, patience);
  auto reader = stub->WatchMembership(&context, membership::v1::WatchMembershipRequest());
  membership::v1::WatchMembershipResponse response;
  while (reader->Read(&response)) {
    if (response.has_group()) out.push_back(response.group());
    for (const auto& group : response.groups().groups()) out.push_back(group);
    if (response.has_synced()) {
      context.TryCancel();
      static_cast<void>(reader->Finish());
      return absl::OkStatus();
    }
  }
  grpc::Status status = reader->Finish();
  if (status.ok()) status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the list ended early");
  return NamedStatus(target, status);
}

// For the life of the process: gRPC ends with its last channel otherwise, and that end can wait 10
// s for a poller, and a person with it.
void HoldGrpc() {
  static const bool held = (grpc_init(), true);
  static_cast<void>(held);
}

}  // namespace

absl::Status NamedStatus(const std::string& target, const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()),
          ToAbsl(fmt::format("{}: {}", target, status.error_message()))};
}

HeadendClient::HeadendClient(std::string manager, std::string pki_dir, Duration patience)
    : manager_(std::move(manager)), pki_dir_(std::move(pki_dir)), patience_(patience) {
  HoldGrpc();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> HeadendClient::Open(const std::string& target) {
  ASSIGN_OR_RETURN(const ControlEndpoint endpoint, ControlEndpoint::Parse(target));
  if (endpoint.kind == ControlEndpoint::Kind::kTls && !tls_) {
    const ControlFiles files = ControlFiles::In(pki_dir_, kRole);
    absl::StatusOr<std::shared_ptr<ControlTls>> tls = ControlTls::Load(files, kRole, {});
    if (!tls.ok()) {
      return absl::FailedPreconditionError(ToAbsl(
          fmt::format("{} needs our certificate: {}", target, FromAbsl(tls.status().message()))));
    }
    // The server would only hang up.
    const absl::StatusOr<Validity> validity = (*tls)->OwnValidity();
    if (validity.ok() && validity->until < WallNow()) {
      return absl::FailedPreconditionError(ToAbsl(
          fmt::format("{}: has expired; `headwaterctl pki renew` renews it", files.certificate)));
    }
    tls_ = *std::move(tls);
  }
  return OpenChannel(target, tls_);
}

absl::StatusOr<std::vector<session::v1::Session>> HeadendClient::ListSessions() {
  ASSIGN_OR_RETURN(auto response,
                   (Ask<SessionStub>(*this, manager_, patience_, session::v1::ListSessionsRequest(),
                                     &SessionStub::Stub::ListSessions)));
  return std::vector<session::v1::Session>(response.sessions().begin(), response.sessions().end());
}

absl::Status HeadendClient::WatchSessions(
    absl::FunctionRef<bool(const session::v1::WatchSessionsResponse&)> on_event) {
  ASSIGN_OR_RETURN(const auto channel, Open(manager_));
  auto stub = SessionStub::NewStub(channel);
  grpc::ClientContext context;
  auto reader = stub->WatchSessions(&context, session::v1::WatchSessionsRequest());
  session::v1::WatchSessionsResponse response;
  while (reader->Read(&response)) {
    if (on_event(response)) continue;
    context.TryCancel();
    static_cast<void>(reader->Finish());
    return absl::OkStatus();
  }
  return NamedStatus(manager_, reader->Finish());
}

absl::StatusOr<session::v1::ExplainSessionResponse> HeadendClient::Explain(
    const types::v1::Channel& channel) {
  session::v1::ExplainSessionRequest request;
  *request.mutable_channel() = channel;
  return Ask<SessionStub>(*this, manager_, patience_, request, &SessionStub::Stub::ExplainSession);
}

absl::StatusOr<std::vector<session::v1::Endpoint>> HeadendClient::ListEndpoints() {
  ASSIGN_OR_RETURN(auto response, (Ask<SessionStub>(*this, manager_, patience_,
                                                    session::v1::ListEndpointsRequest(),
                                                    &SessionStub::Stub::ListEndpoints)));
  return std::vector<session::v1::Endpoint>(response.endpoints().begin(),
                                            response.endpoints().end());
}

absl::StatusOr<std::vector<session::v1::Sender>> HeadendClient::ListSenders() {
  ASSIGN_OR_RETURN(auto response,
                   (Ask<SessionStub>(*this, manager_, patience_, session::v1::ListSendersRequest(),
                                     &SessionStub::Stub::ListSenders)));
  return std::vector<session::v1::Sender>(response.senders().begin(), response.senders().end());
}

absl::Status HeadendClient::SetSenderDrained(const std::string& name, bool drained) {
  session::v1::SetSenderDrainedRequest request;
  request.set_name(name);
  request.set_drained(drained);
  return Ask<SessionStub>(*this, manager_, patience_, request, &SessionStub::Stub::SetSenderDrained)
      .status();
}

absl::StatusOr<std::vector<membership::v1::GroupMembership>> HeadendClient::ListGroups() {
  ASSIGN_OR_RETURN(auto endpoints, ListEndpoints());
  std::vector<membership::v1::GroupMembership> groups;
  for (const session::v1::Endpoint& endpoint : endpoints) {
    if (endpoint.service() == "membership-watcher")
      RETURN_IF_ERROR(ReadGroups(*this, endpoint.target(), patience_, groups));
  }
  return groups;
}

absl::StatusOr<directory::v1::Plan> HeadendClient::Plan() {
  ASSIGN_OR_RETURN(const std::string target, TargetOf("directory-resolver"));
  ASSIGN_OR_RETURN(const auto channel, Open(target));
  auto stub = DirectoryStub::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(context, patience_);
  auto reader = stub->WatchPlan(&context, directory::v1::WatchPlanRequest());
  directory::v1::WatchPlanResponse response;
  const bool read = reader->Read(&response);
  if (read) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!read)
    return NamedStatus(
        target, status.ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "no plan") : status);
  return response.plan();
}

absl::StatusOr<types::v1::Station> HeadendClient::Resolve(uint32_t number) {
  ASSIGN_OR_RETURN(const std::string target, TargetOf("directory-resolver"));
  directory::v1::ResolveRequest request;
  request.set_number(number);
  ASSIGN_OR_RETURN(auto response, (Ask<DirectoryStub>(*this, target, patience_, request,
                                                      &DirectoryStub::Stub::Resolve)));
  return response.station();
}

absl::StatusOr<std::vector<types::v1::Station>> HeadendClient::ListStations(
    const std::string& directory, directory::v1::StationSet set) {
  ASSIGN_OR_RETURN(const std::string target, TargetOf("directory-resolver"));
  std::vector<types::v1::Station> stations;
  directory::v1::ListStationsRequest request;
  request.set_directory(directory);
  request.set_page_size(1000);
  request.set_set(set);
  do {
    ASSIGN_OR_RETURN(auto response, (Ask<DirectoryStub>(*this, target, patience_, request,
                                                        &DirectoryStub::Stub::ListStations)));
    stations.insert(stations.end(), response.stations().begin(), response.stations().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return stations;
}

absl::StatusOr<std::vector<types::v1::Station>> HeadendClient::Search(const std::string& query) {
  ASSIGN_OR_RETURN(const std::string target, TargetOf("directory-resolver"));
  directory::v1::SearchRequest request;
  request.set_query(query);
  ASSIGN_OR_RETURN(auto response, (Ask<DirectoryStub>(*this, target, patience_, request,
                                                      &DirectoryStub::Stub::Search)));
  return std::vector<types::v1::Station>(response.stations().begin(), response.stations().end());
}

absl::StatusOr<directory::v1::ExportResponse> HeadendClient::Export(
    const directory::v1::ExportRequest& request) {
  ASSIGN_OR_RETURN(const std::string target, TargetOf("directory-resolver"));
  return Ask<DirectoryStub>(*this, target, patience_, request, &DirectoryStub::Stub::Export);
}

template <typename Request, typename Response>
absl::StatusOr<Response> HeadendClient::AskDirectory(const Request& request,
                                                     DirectoryMethod<Request, Response> method,
                                                     Duration patience) {
  ASSIGN_OR_RETURN(const std::string target, TargetOf("directory-resolver"));
  return Ask<DirectoryStub>(*this, target, patience, request, method);
}

absl::StatusOr<directory::v1::StationRecord> HeadendClient::DescribeStation(uint32_t number) {
  directory::v1::DescribeStationRequest request;
  request.set_number(number);
  ASSIGN_OR_RETURN(auto response,
                   AskDirectory(request, &DirectoryStub::Stub::DescribeStation, patience_));
  return response.record();
}

absl::StatusOr<directory::v1::AddStationResponse> HeadendClient::AddStation(
    const directory::v1::AddStationRequest& request) {
  return AskDirectory(request, &DirectoryStub::Stub::AddStation, patience_);
}

absl::Status HeadendClient::RemoveStation(uint32_t number) {
  directory::v1::RemoveStationRequest request;
  request.set_number(number);
  return AskDirectory(request, &DirectoryStub::Stub::RemoveStation, patience_).status();
}

absl::Status HeadendClient::DisableStation(const directory::v1::DisableStationRequest& request) {
  return AskDirectory(request, &DirectoryStub::Stub::DisableStation, patience_).status();
}

absl::StatusOr<uint32_t> HeadendClient::FavouriteStation(
    const directory::v1::FavouriteStationRequest& request) {
  ASSIGN_OR_RETURN(auto response,
                   AskDirectory(request, &DirectoryStub::Stub::FavouriteStation, patience_));
  return response.number();
}

absl::StatusOr<uint32_t> HeadendClient::AliasStation(
    const directory::v1::AliasStationRequest& request) {
  ASSIGN_OR_RETURN(auto response,
                   AskDirectory(request, &DirectoryStub::Stub::AliasStation, patience_));
  return response.alias();
}

absl::Status HeadendClient::ReportPlay(const directory::v1::ReportPlayRequest& request) {
  return AskDirectory(request, &DirectoryStub::Stub::ReportPlay, patience_).status();
}

absl::StatusOr<std::vector<directory::v1::DirectoryStatus>> HeadendClient::ListDirectories() {
  ASSIGN_OR_RETURN(auto response, AskDirectory(directory::v1::ListDirectoriesRequest(),
                                               &DirectoryStub::Stub::ListDirectories, patience_));
  return std::vector<directory::v1::DirectoryStatus>(response.directories().begin(),
                                                     response.directories().end());
}

absl::StatusOr<directory::v1::RefreshDirectoryResponse> HeadendClient::RefreshDirectory(
    const directory::v1::RefreshDirectoryRequest& request) {
  return AskDirectory(request, &DirectoryStub::Stub::RefreshDirectory, kFetchPatience);
}

absl::StatusOr<directory::v1::DiffDirectoryResponse> HeadendClient::DiffDirectory(
    const std::string& name) {
  directory::v1::DiffDirectoryRequest request;
  request.set_name(name);
  return AskDirectory(request, &DirectoryStub::Stub::DiffDirectory, kFetchPatience);
}

absl::StatusOr<packager::v1::ProbeResponse> HeadendClient::Probe(const std::string& url,
                                                                 bool local) {
  ASSIGN_OR_RETURN(const std::string target, TargetOf("rtp-packager"));
  packager::v1::ProbeRequest request;
  request.set_url(url);
  request.set_local(local);
  using Stub = packager::v1::PackagerService;
  return Ask<Stub>(*this, target, kProbePatience, request, &Stub::Stub::Probe);
}

absl::Status HeadendClient::CheckService(const std::string& service) {
  ASSIGN_OR_RETURN(const std::string target, TargetOf(service));
  const absl::Status status = CheckHealth(target);
  return status.ok() ? status : absl::UnavailableError(status.message());
}

// grpc.health.v1 is spoken in bytes: its generated code would bring a second copy of descriptors
// that the server library has. The request for the whole server is empty; the answer is field 1, 1
// = SERVING.
absl::Status HeadendClient::CheckHealth(const std::string& target) {
  ASSIGN_OR_RETURN(const auto channel, Open(target));
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  SetDeadline(context, patience_);
  grpc::CompletionQueue queue;
  const grpc::ByteBuffer request(nullptr, 0);
  auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  RETURN_IF_ERROR(NamedStatus(target, status));
  grpc::Slice bytes;
  if (!response.DumpToSingleSlice(&bytes).ok() || bytes.size() != 2 || bytes.begin()[0] != 0x08) {
    return absl::InternalError(ToAbsl(target + ": not a health answer"));
  }
  if (bytes.begin()[1] != 1) return absl::FailedPreconditionError(ToAbsl(target + ": not serving"));
  return absl::OkStatus();
}

absl::StatusOr<std::string> HeadendClient::TargetOf(const std::string& service) {
  ASSIGN_OR_RETURN(auto endpoints, ListEndpoints());
  for (const session::v1::Endpoint& endpoint : endpoints) {
    if (endpoint.service() == service) return endpoint.target();
  }
  return absl::UnavailableError(ToAbsl(fmt::format("{} knows no {}", manager_, service)));
}

}  // namespace headwater
