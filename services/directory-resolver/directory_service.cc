#include "services/directory-resolver/directory_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_proto.h"
#include "services/common/plan/plan_text.h"
#include "services/common/rpc/server_calls.h"
#include "services/common/time/clock.h"
#include "services/directory-resolver/directory_convert.h"
#include "services/directory-resolver/dvb_convert.h"

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
    case ExportQuery::Format::kXmltv:
      return "application/xml; charset=utf-8";
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
  return OnLoop(context, loop_, [this, request, response, arrived = MonoNow()] {
    const auto station = shell_.directory().ResolveToPlay(request->number());
    if (station.ok()) *response->mutable_station() = StationMessage(*station);
    shell_.metrics().OnResolved(station.ok(), MonoNow() - arrived);
    return station.status();
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
    for (const Station* station : shell_.directory().Search(request->query(), count)) {
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
    const KnownFormat known = KnownFormatFromProto(request->format());
    return shell_.ReportPlay(
        request->number(),
        {.ok = request->ok(), .check = request->check(), .error = request->error()}, &known);
  });
}

grpc::ServerUnaryReactor* DirectoryService::NextCheck(grpc::CallbackServerContext* context,
                                                      const pb::NextCheckRequest*,
                                                      pb::NextCheckResponse* response) {
  return OnLoop(context, loop_, [this, response] {
    const Station* station = shell_.NextCheck();
    if (station == nullptr) return absl::OkStatus();
    *response->mutable_station() = StationMessage(*station);
    const PlanDirectory* directory = shell_.directory().plan().DirectoryOf(station->number);
    response->set_local(directory != nullptr && directory->local);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DirectoryService::DescribeStation(
    grpc::CallbackServerContext* context, const pb::DescribeStationRequest* request,
    pb::DescribeStationResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const StationRecord record, shell_.directory().Describe(request->number()));
    *response->mutable_record() = RecordMessage(record);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DirectoryService::AddStation(grpc::CallbackServerContext* context,
                                                       const pb::AddStationRequest* request,
                                                       pb::AddStationResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const DirectoryShell::Added added,
                     shell_.AddStation(StationFromProto(request->station()), request->dry_run()));
    *response->mutable_station() = StationMessage(added.station);
    response->set_existed(added.existed);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DirectoryService::RemoveStation(grpc::CallbackServerContext* context,
                                                          const pb::RemoveStationRequest* request,
                                                          pb::RemoveStationResponse*) {
  return OnLoop(context, loop_,
                [this, request] { return shell_.RemoveStation(request->number()); });
}

grpc::ServerUnaryReactor* DirectoryService::DisableStation(grpc::CallbackServerContext* context,
                                                           const pb::DisableStationRequest* request,
                                                           pb::DisableStationResponse*) {
  return OnLoop(context, loop_, [this, request] {
    return shell_.SetDisabled(request->number(), request->disabled());
  });
}

grpc::ServerUnaryReactor* DirectoryService::FavouriteStation(
    grpc::CallbackServerContext* context, const pb::FavouriteStationRequest* request,
    pb::FavouriteStationResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const uint32_t number, shell_.SetAlias({.number = request->number(),
                                                             .remove = !request->favourite(),
                                                             .favourite = true}));
    response->set_number(number);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DirectoryService::AliasStation(grpc::CallbackServerContext* context,
                                                         const pb::AliasStationRequest* request,
                                                         pb::AliasStationResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    if (request->alias() == 0 && (request->directory().empty() || request->remove()))
      return absl::InvalidArgumentError("alias: a number is needed, or a directory that has one");
    ASSIGN_OR_RETURN(const uint32_t alias, shell_.SetAlias({.number = request->number(),
                                                            .alias = request->alias(),
                                                            .directory = request->directory(),
                                                            .remove = request->remove()}));
    response->set_alias(alias);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DirectoryService::ListDirectories(grpc::CallbackServerContext* context,
                                                            const pb::ListDirectoriesRequest*,
                                                            pb::ListDirectoriesResponse* response) {
  return OnLoop(context, loop_, [this, response] {
    std::map<std::string, DirectoryCounts> counts = shell_.directory().Counts();
    for (const DirectoryOptions& options : shell_.options().directories)
      *response->add_directories() = StatusMessage(options, counts[options.plan.name]);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DirectoryService::RefreshDirectory(
    grpc::CallbackServerContext* context, const pb::RefreshDirectoryRequest* request,
    pb::RefreshDirectoryResponse* response) {
  return OnLoopLater(context, loop_, [this, request, response](FinishCall finish) {
    if (absl::Status status = CheckName(request->name()); !status.ok())
      return finish(std::move(status));
    shell_.feeds().Refresh(request->name(), request->accept_shrinking(),
                           [this, request, response, finish = std::move(finish)](
                               absl::StatusOr<FeedChangeCounts> changes) mutable {
                             if (changes.ok()) {
                               *response->mutable_changes() = ToProto(*changes);
                               *response->mutable_status() = StatusOf(request->name());
                             }
                             finish(changes.status());
                           });
  });
}

grpc::ServerUnaryReactor* DirectoryService::DiffDirectory(grpc::CallbackServerContext* context,
                                                          const pb::DiffDirectoryRequest* request,
                                                          pb::DiffDirectoryResponse* response) {
  return OnLoopLater(context, loop_, [this, request, response](FinishCall finish) {
    absl::Status status = CheckName(request->name());
    const absl::StatusOr<size_t> count = PageSize(request->changes_max(), 1000);
    if (status.ok()) status = count.status();
    if (!status.ok()) return finish(std::move(status));
    shell_.feeds().Compare(
        request->name(), [this, request, response, count = *count, finish = std::move(finish)](
                             absl::StatusOr<const FeedDiff*> diff) mutable {
          if (diff.ok()) {
            FillDiff(**diff, count, *response, [this, request](const std::string& identity) {
              return shell_.directory().NumberOf(request->name(), identity);
            });
          }
          finish(diff.status());
        });
  });
}

grpc::ServerUnaryReactor* DirectoryService::ReportLineup(grpc::CallbackServerContext* context,
                                                         const pb::ReportLineupRequest* request,
                                                         pb::ReportLineupResponse*) {
  return OnLoop(context, loop_, [this, request]() -> absl::Status {
    std::vector<DvbCarrier> told;
    std::set<std::string> read;
    for (const tuner::v1::Carrier& row : request->carriers()) {
      ASSIGN_OR_RETURN(DvbCarrier carrier, CarrierFromProto(row));
      if (row.has_read()) read.insert(carrier.id);
      told.push_back(std::move(carrier));
    }
    return shell_.ReportLineup(request->tuner(), std::move(told),
                               [&read](const std::string& id) { return read.contains(id); });
  });
}

grpc::ServerUnaryReactor* DirectoryService::ReportGuide(grpc::CallbackServerContext* context,
                                                        const pb::ReportGuideRequest* request,
                                                        pb::ReportGuideResponse*) {
  return OnLoop(context, loop_, [this, request]() -> absl::Status {
    for (const tuner::v1::Guide& row : request->guides()) {
      ASSIGN_OR_RETURN(ToldGuide guide, GuideFromProto(row));
      shell_.ReportGuide(guide.service, std::move(guide.events));
    }
    return absl::OkStatus();
  });
}

void DirectoryService::Close() {
  shell_.feeds().Close();
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

pb::StationRecord DirectoryService::RecordMessage(const StationRecord& record) const {
  pb::StationRecord message = ToProto(record);
  if (record.station != nullptr) *message.mutable_station() = StationMessage(*record.station);
  return message;
}

pb::DirectoryStatus DirectoryService::StatusMessage(const DirectoryOptions& options,
                                                    const DirectoryCounts& counts) const {
  pb::DirectoryStatus message = ToProto(options, counts);
  if (options.source == DirectorySource::kDvb) DvbToProto(message);
  if (!IsFetched(options.source)) return message;
  const std::string& name = options.plan.name;
  FeedToProto(shell_.feeds().StateOf(name), message);
  message.set_refreshing(shell_.feeds().IsRefreshing(name));
  if (const absl::Time next = shell_.feeds().NextOf(name); next != absl::InfiniteFuture())
    *message.mutable_next_refresh() = TimeToProto(next);
  return message;
}

void DirectoryService::DvbToProto(pb::DirectoryStatus& message) const {
  const DirectoryShell::Told told = shell_.TunersTold();
  const bool never = told.when == absl::InfinitePast();
  message.set_state(never ? pb::DIRECTORY_STATE_PENDING : pb::DIRECTORY_STATE_FRESH);
  if (!never) *message.mutable_last_success() = TimeToProto(told.when);
  message.set_entries(static_cast<uint32_t>(told.entries));
}

pb::DirectoryStatus DirectoryService::StatusOf(const std::string& name) const {
  for (const DirectoryOptions& options : shell_.options().directories) {
    if (options.plan.name == name) return StatusMessage(options, shell_.directory().Counts()[name]);
  }
  return {};
}

absl::Status DirectoryService::CheckName(const std::string& name) const {
  if (shell_.directory().plan().FindDirectory(name) != nullptr) return absl::OkStatus();
  return absl::NotFoundError(fmt::format("no directory is named \"{}\"", name));
}

absl::Status DirectoryService::ListPage(const pb::ListStationsRequest& request,
                                        pb::ListStationsResponse& response) const {
  const Directory& directory = shell_.directory();
  ASSIGN_OR_RETURN(const size_t count, PageSize(request.page_size(), 100));
  if (!request.directory().empty()) RETURN_IF_ERROR(CheckName(request.directory()));
  StationQuery query = {.directory = request.directory(), .count = count};
  ASSIGN_OR_RETURN(query.set, SetFromProto(request.set()));
  if (!request.page_token().empty()) {
    // The token is the number where the page begins, so that a reload between two pages loses and
    // doubles nothing.
    const absl::StatusOr<uint32_t> token = ParseNumber(request.page_token());
    if (!token.ok()) return absl::InvalidArgumentError("page_token: not one that was given");
    query.first = *token;
  }
  const StationPage page = directory.List(query);
  for (const Station* station : page.stations) *response.add_stations() = StationMessage(*station);
  if (page.next) response.set_next_page_token(NumberText(*page.next));
  return absl::OkStatus();
}

absl::Status DirectoryService::WriteExport(const pb::ExportRequest& request,
                                           pb::ExportResponse& response) {
  ASSIGN_OR_RETURN(const ExportQuery query, QueryFromProto(request));
  ASSIGN_OR_RETURN(std::string text, shell_.Export(query));
  response.set_content_type(ContentType(query.format));
  response.set_text(std::move(text));
  return absl::OkStatus();
}

}  // namespace headwater::directory_resolver
