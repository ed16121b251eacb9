#include "services/directory-resolver/directory_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_proto.h"
#include "services/common/plan/plan_text.h"
#include "services/common/rpc/server_calls.h"
#include "services/directory-resolver/directory_convert.h"

namespace headwater::directory_resolver {
namespace {

namespace pb = directory::v1;

constexpr char kPlanKey[] = "plan";

// The size asked for, or the default, within 1000.
absl::StatusOr<size_t> PageSize(uint32_t asked, size_t none) {
  if (asked > 1000)
    return absl::InvalidArgumentError(fmt::format("page_size: {} is more than 1000", asked));
  return asked == 0 ? none : asked;
}

const char* ContentType(ExportQuery::Format format) {
  switch (format) {
    case ExportQuery::Format::kM3u:
      return "audio/x-mpegurl; charset=utf-8";
    case ExportQuery::Format::kXspf:
      return "application/xspf+xml";
    case ExportQuery::Format::kSdp:
      return "application/sdp";
  }
  return "";
}

}  // namespace

DirectoryService::DirectoryService(EventLoop& loop, DirectoryShell& shell)
    : loop_(loop),
      shell_(shell),
      hub_(loop, [this](auto& stream) { stream.Push(kPlanKey, PlanMessage()); }) {
  hub_.OnReaders([this](size_t readers) { shell_.metrics().SetPlanReaders(readers); });
  shell_.set_on_plan([this] { hub_.Publish(kPlanKey, PlanMessage()); });
}

grpc::ServerWriteReactor<pb::WatchPlanResponse>* DirectoryService::WatchPlan(
    grpc::CallbackServerContext*, const pb::WatchPlanRequest*) {
  return hub_.Open();
}

grpc::ServerUnaryReactor* DirectoryService::Resolve(grpc::CallbackServerContext* context,
                                                    const pb::ResolveRequest* request,
                                                    pb::ResolveResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    const absl::StatusOr<const Station*> station = shell_.directory().Resolve(request->number());
    shell_.metrics().OnResolved(station.ok());
    RETURN_IF_ERROR(station.status());
    *response->mutable_station() = StationMessage(**station);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DirectoryService::ListStations(grpc::CallbackServerContext* context,
                                                         const pb::ListStationsRequest* request,
                                                         pb::ListStationsResponse* response) {
  return OnLoop(context, loop_,
                [this, request, response] { return ListPage(*request, *response); });
}

grpc::ServerUnaryReactor* DirectoryService::Search(grpc::CallbackServerContext* context,
                                                   const pb::SearchRequest* request,
                                                   pb::SearchResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const size_t count, PageSize(request->page_size(), 50));
    for (const Station* station : shell_.directory().catalogue().Search(request->query(), count)) {
      *response->add_stations() = StationMessage(*station);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DirectoryService::Export(grpc::CallbackServerContext* context,
                                                   const pb::ExportRequest* request,
                                                   pb::ExportResponse* response) {
  return OnLoop(context, loop_, [this, request, response] {
    const absl::Status status = WriteExport(*request, *response);
    shell_.metrics().OnExported(status.ok());
    return status;
  });
}

grpc::ServerUnaryReactor* DirectoryService::ReportPlay(grpc::CallbackServerContext* context,
                                                       const pb::ReportPlayRequest* request,
                                                       pb::ReportPlayResponse*) {
  return OnLoop(context, loop_, [this, request] {
    return request->ok()
               ? shell_.ReportPlay(request->number(), KnownFormatFromProto(request->format()))
               : shell_.ReportFailure(request->number(), request->error());
  });
}

void DirectoryService::Close() {
  hub_.Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining"));
}

pb::WatchPlanResponse DirectoryService::PlanMessage() const {
  pb::WatchPlanResponse message;
  message.set_revision(shell_.directory().plan_revision());
  *message.mutable_plan() = PlanToProto(shell_.directory().plan().config());
  return message;
}

types::v1::Station DirectoryService::StationMessage(const Station& station) const {
  return ToProto(station, shell_.directory().FormatOf(station.number));
}

absl::Status DirectoryService::ListPage(const pb::ListStationsRequest& request,
                                        pb::ListStationsResponse& response) const {
  const Directory& directory = shell_.directory();
  ASSIGN_OR_RETURN(const size_t count, PageSize(request.page_size(), 100));
  if (!request.directory().empty() &&
      directory.plan().FindDirectory(request.directory()) == nullptr) {
    return absl::NotFoundError(fmt::format("no directory is named \"{}\"", request.directory()));
  }
  uint32_t first = 0;
  if (!request.page_token().empty()) {
    // The token is the number where the page begins, so that a reload between two pages loses and
    // doubles nothing.
    const absl::StatusOr<uint32_t> token = ParseNumber(request.page_token());
    if (!token.ok()) return absl::InvalidArgumentError("page_token: not one that was given");
    first = *token;
  }
  const Catalogue::Page page = directory.catalogue().List(request.directory(), first, count);
  for (const Station* station : page.stations) *response.add_stations() = StationMessage(*station);
  if (page.next) response.set_next_page_token(NumberText(*page.next));
  return absl::OkStatus();
}

absl::Status DirectoryService::WriteExport(const pb::ExportRequest& request,
                                           pb::ExportResponse& response) {
  ASSIGN_OR_RETURN(const ExportQuery query, QueryFromProto(request));
  ASSIGN_OR_RETURN(std::string text, shell_.directory().Export(query));
  response.set_content_type(ContentType(query.format));
  response.set_text(std::move(text));
  return absl::OkStatus();
}

}  // namespace headwater::directory_resolver
