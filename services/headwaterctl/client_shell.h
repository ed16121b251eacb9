#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "headwater/directory/v1/directory.pb.h"
#include "headwater/membership/v1/membership.pb.h"
#include "headwater/session/v1/session.pb.h"
#include "services/common/time/mono_time.h"

namespace headwater {

// Asks a running headend, one blocking call at a time, each with a deadline. Errors name the
// target: "unix:/run/headwater/session-manager.sock: ...".
class HeadendClient {
 public:
  // `manager` is a gRPC target; every other service is found through it.
  // `patience` is the deadline of each call but WatchSessions.
  explicit HeadendClient(std::string manager, Duration patience = 5s);

  const std::string& manager() const { return manager_; }

  absl::StatusOr<std::vector<session::v1::Session>> ListSessions();
  // Calls `on_event` for every step until it returns false or the stream ends.
  absl::Status WatchSessions(
      absl::FunctionRef<bool(const session::v1::WatchSessionsResponse&)> on_event);
  absl::StatusOr<session::v1::ExplainSessionResponse> Explain(const types::v1::Channel& channel);
  absl::StatusOr<std::vector<session::v1::Endpoint>> ListEndpoints();
  absl::StatusOr<std::vector<session::v1::Sender>> ListSenders();

  // The groups of every watcher. UNAVAILABLE when a watcher cannot be reached: half an answer would
  // mislead.
  absl::StatusOr<std::vector<membership::v1::GroupMembership>> ListGroups();

  absl::StatusOr<directory::v1::Plan> Plan();
  absl::StatusOr<types::v1::Station> Resolve(uint32_t number);
  absl::StatusOr<std::vector<types::v1::Station>> ListStations(const std::string& directory);
  absl::StatusOr<std::vector<types::v1::Station>> Search(const std::string& query);
  absl::StatusOr<directory::v1::ExportResponse> Export(const directory::v1::ExportRequest& request);

  // OK, or FAILED_PRECONDITION when it answers NOT_SERVING, or what kept it from answering.
  absl::Status CheckHealth(const std::string& target);

 private:
  absl::StatusOr<std::string> TargetOf(const std::string& service);

  std::string manager_;
  Duration patience_;
};

}  // namespace headwater
