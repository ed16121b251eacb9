#pragma once

#include "headwater/directory/v1/directory.grpc.pb.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_hub.h"
#include "services/directory-resolver/directory_shell.h"

namespace headwater::directory_resolver {

// DirectoryService over the shell. The RPCs come on gRPC's threads and are answered from the loop;
// the rest is called on the loop.
class DirectoryService final : public directory::v1::DirectoryService::CallbackService {
 public:
  DirectoryService(EventLoop& loop, DirectoryShell& shell);

  grpc::ServerWriteReactor<directory::v1::WatchPlanResponse>* WatchPlan(
      grpc::CallbackServerContext* context,
      const directory::v1::WatchPlanRequest* request) override;
  grpc::ServerUnaryReactor* Resolve(grpc::CallbackServerContext* context,
                                    const directory::v1::ResolveRequest* request,
                                    directory::v1::ResolveResponse* response) override;
  grpc::ServerUnaryReactor* ListStations(grpc::CallbackServerContext* context,
                                         const directory::v1::ListStationsRequest* request,
                                         directory::v1::ListStationsResponse* response) override;
  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const directory::v1::SearchRequest* request,
                                   directory::v1::SearchResponse* response) override;
  grpc::ServerUnaryReactor* Export(grpc::CallbackServerContext* context,
                                   const directory::v1::ExportRequest* request,
                                   directory::v1::ExportResponse* response) override;
  grpc::ServerUnaryReactor* ReportPlay(grpc::CallbackServerContext* context,
                                       const directory::v1::ReportPlayRequest* request,
                                       directory::v1::ReportPlayResponse* response) override;
  grpc::ServerUnaryReactor* NextCheck(grpc::CallbackServerContext* context,
                                      const directory::v1::NextCheckRequest* request,
                                      directory::v1::NextCheckResponse* response) override;
  grpc::ServerUnaryReactor* DescribeStation(
      grpc::CallbackServerContext* context, const directory::v1::DescribeStationRequest* request,
      directory::v1::DescribeStationResponse* response) override;
  grpc::ServerUnaryReactor* AddStation(grpc::CallbackServerContext* context,
                                       const directory::v1::AddStationRequest* request,
                                       directory::v1::AddStationResponse* response) override;
  grpc::ServerUnaryReactor* RemoveStation(grpc::CallbackServerContext* context,
                                          const directory::v1::RemoveStationRequest* request,
                                          directory::v1::RemoveStationResponse* response) override;
  grpc::ServerUnaryReactor* DisableStation(
      grpc::CallbackServerContext* context, const directory::v1::DisableStationRequest* request,
      directory::v1::DisableStationResponse* response) override;
  grpc::ServerUnaryReactor* FavouriteStation(
      grpc::CallbackServerContext* context, const directory::v1::FavouriteStationRequest* request,
      directory::v1::FavouriteStationResponse* response) override;
  grpc::ServerUnaryReactor* AliasStation(grpc::CallbackServerContext* context,
                                         const directory::v1::AliasStationRequest* request,
                                         directory::v1::AliasStationResponse* response) override;
  grpc::ServerUnaryReactor* ListDirectories(
      grpc::CallbackServerContext* context, const directory::v1::ListDirectoriesRequest* request,
      directory::v1::ListDirectoriesResponse* response) override;
  grpc::ServerUnaryReactor* RefreshDirectory(
      grpc::CallbackServerContext* context, const directory::v1::RefreshDirectoryRequest* request,
      directory::v1::RefreshDirectoryResponse* response) override;
  grpc::ServerUnaryReactor* DiffDirectory(grpc::CallbackServerContext* context,
                                          const directory::v1::DiffDirectoryRequest* request,
                                          directory::v1::DiffDirectoryResponse* response) override;
  grpc::ServerUnaryReactor* ReportLineup(grpc::CallbackServerContext* context,
                                         const directory::v1::ReportLineupRequest* request,
                                         directory::v1::ReportLineupResponse* response) override;
  grpc::ServerUnaryReactor* ReportGuide(grpc::CallbackServerContext* context,
                                        const directory::v1::ReportGuideRequest* request,
                                        directory::v1::ReportGuideResponse* response) override;

  // Ends the watches: the service drains.
  void Close();

 private:
  directory::v1::WatchPlanResponse PlanMessage() const;
  types::v1::Station StationMessage(const Station& station) const;
  absl::Status ListPage(const directory::v1::ListStationsRequest& request,
                        directory::v1::ListStationsResponse& response) const;
  directory::v1::StationRecord RecordMessage(const StationRecord& record) const;
  directory::v1::DirectoryStatus StatusMessage(const DirectoryOptions& options,
                                               const DirectoryCounts& counts) const;
  void DvbToProto(directory::v1::DirectoryStatus& message) const;
  // Of one directory in force; of none when it has left the configuration meanwhile.
  directory::v1::DirectoryStatus StatusOf(const std::string& name) const;
  absl::Status CheckName(const std::string& name) const;
  absl::Status WriteExport(const directory::v1::ExportRequest& request,
                           directory::v1::ExportResponse& response);

  EventLoop& loop_;
  DirectoryShell& shell_;
  WatchHub<directory::v1::WatchPlanResponse> hub_;
};

}  // namespace headwater::directory_resolver
