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

  // Ends the watches: the service drains.
  void Close();

 private:
  directory::v1::WatchPlanResponse PlanMessage() const;
  types::v1::Station StationMessage(const Station& station) const;
  absl::Status ListPage(const directory::v1::ListStationsRequest& request,
                        directory::v1::ListStationsResponse& response) const;
  absl::Status WriteExport(const directory::v1::ExportRequest& request,
                           directory::v1::ExportResponse& response);

  EventLoop& loop_;
  DirectoryShell& shell_;
  WatchHub<directory::v1::WatchPlanResponse> hub_;
};

}  // namespace headwater::directory_resolver
