#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "headwater/bridge/v1/bridge.pb.h"
#include "headwater/directory/v1/directory.grpc.pb.h"
#include "headwater/membership/v1/membership.pb.h"
#include "headwater/packager/v1/packager.pb.h"
#include "headwater/session/v1/session.pb.h"
#include "headwater/tuner/v1/tuner.pb.h"
#include "services/common/rpc/control_tls.h"
#include "services/common/time/mono_time.h"

namespace headwater {

// The outcome of a call with the target before its message.
absl::Status NamedStatus(const std::string& target, const grpc::Status& status);

// Asks a running headend, one blocking call at a time, each with a deadline. Errors name the
// target: "unix:/run/headwater/session-manager.sock: ...".
class HeadendClient {
 public:
  // `manager` is an endpoint; every other service is found through it. `pki_dir` is where
  // headwaterctl.pem is, for endpoints by mutual TLS. `patience` is the deadline of each call but
  // WatchSessions.
  HeadendClient(std::string manager, std::string pki_dir, Duration patience = 5s);

  const std::string& manager() const { return manager_; }
  // INVALID_ARGUMENT for what is no endpoint, FAILED_PRECONDITION where our certificate is missing.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Open(const std::string& target);

  absl::StatusOr<std::vector<session::v1::Session>> ListSessions();
  // Calls `on_event` for every step until it returns false or the stream ends.
  absl::Status WatchSessions(
      absl::FunctionRef<bool(const session::v1::WatchSessionsResponse&)> on_event);
  absl::StatusOr<session::v1::ExplainSessionResponse> Explain(const types::v1::Channel& channel);
  absl::StatusOr<std::vector<session::v1::Endpoint>> ListEndpoints();
  absl::StatusOr<std::vector<session::v1::Sender>> ListSenders();
  absl::Status SetSenderDrained(const std::string& name, bool drained);

  // The groups of every watcher. UNAVAILABLE when a watcher cannot be reached: half an answer would
  // mislead.
  absl::StatusOr<std::vector<membership::v1::GroupMembership>> ListGroups();

  absl::StatusOr<directory::v1::Plan> Plan();
  absl::StatusOr<types::v1::Station> Resolve(uint32_t number);
  absl::StatusOr<std::vector<types::v1::Station>> ListStations(
      const std::string& directory,
      directory::v1::StationSet set = directory::v1::STATION_SET_UNSPECIFIED);
  absl::StatusOr<std::vector<types::v1::Station>> Search(const std::string& query);
  absl::StatusOr<directory::v1::ExportResponse> Export(const directory::v1::ExportRequest& request);

  absl::StatusOr<directory::v1::StationRecord> DescribeStation(uint32_t number);
  absl::StatusOr<directory::v1::AddStationResponse> AddStation(
      const directory::v1::AddStationRequest& request);
  absl::Status RemoveStation(uint32_t number);
  absl::Status DisableStation(const directory::v1::DisableStationRequest& request);
  // Its number among the favourites.
  absl::StatusOr<uint32_t> FavouriteStation(const directory::v1::FavouriteStationRequest& request);
  absl::StatusOr<uint32_t> AliasStation(const directory::v1::AliasStationRequest& request);
  absl::Status ReportPlay(const directory::v1::ReportPlayRequest& request);
  absl::StatusOr<std::vector<directory::v1::DirectoryStatus>> ListDirectories();
  // A document is fetched meanwhile: these wait for minutes.
  absl::StatusOr<directory::v1::RefreshDirectoryResponse> RefreshDirectory(
      const directory::v1::RefreshDirectoryRequest& request);
  absl::StatusOr<directory::v1::DiffDirectoryResponse> DiffDirectory(const std::string& name);

  // Of every dvb-tuner that the manager knows. Where it knows none or does not answer, its socket
  // beside the manager's is tried: a dish is pointed before anything else runs.
  absl::StatusOr<std::vector<tuner::v1::Tuner>> ListTuners();
  absl::StatusOr<std::vector<tuner::v1::Carrier>> ListCarriers();
  // Of the first dvb-tuner, as WatchSessions.
  absl::Status WatchTuners(absl::FunctionRef<bool(const tuner::v1::WatchTunersResponse&)> on_event);
  absl::Status Scan(const tuner::v1::ScanRequest& request,
                    absl::FunctionRef<bool(const tuner::v1::ScanResponse&)> on_event);

  // What a URL is, as the first packager sees it; waits as long as a start may take.
  absl::StatusOr<packager::v1::ProbeResponse> Probe(const std::string& url, bool local);
  // CheckHealth of the first service of that name.
  absl::Status CheckService(const std::string& service);

  // Of every mcast-bridge, found as the receivers are.
  absl::StatusOr<std::vector<bridge::v1::WatchBridgeResponse>> ListBridges();

  // OK, or FAILED_PRECONDITION when it answers NOT_SERVING, or what kept it from answering.
  absl::Status CheckHealth(const std::string& target);

 private:
  // Asks the directory-resolver; `method` is the stub's.
  template <typename Request, typename Response>
  using DirectoryMethod = grpc::Status (directory::v1::DirectoryService::Stub::*)(
      grpc::ClientContext*, const Request&, Response*);
  template <typename Request, typename Response>
  absl::StatusOr<Response> AskDirectory(const Request& request,
                                        DirectoryMethod<Request, Response> method,
                                        Duration patience);
  absl::StatusOr<std::string> TargetOf(const std::string& service);
  // Every one that the manager knows, else its socket beside the manager's. Not empty.
  absl::StatusOr<std::vector<std::string>> TargetsOf(const std::string& service);

  std::string manager_;
  std::string pki_dir_;
  Duration patience_;
  // Loaded when first needed.
  std::shared_ptr<ControlTls> tls_;
};

}  // namespace headwater
