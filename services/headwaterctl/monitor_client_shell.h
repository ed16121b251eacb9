#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <utility>
#include <vector>

#include "headwater/monitor/v1/monitor.pb.h"
#include "services/common/time/mono_time.h"

namespace headwater {

class HeadendClient;

// Asks an mcast-monitor, as HeadendClient asks the rest. The manager knows nothing of monitors: one
// is found by its socket.
class MonitorClient {
 public:
  // By `client`'s certificate, where one is asked for.
  MonitorClient(HeadendClient& client, std::string target, Duration patience = 10s)
      : client_(client), target_(std::move(target)), patience_(patience) {}

  // The socket beside the manager's; `monitor` is any gRPC target, and empty when none was named.
  static std::string Target(const std::string& monitor, const std::string& manager);

  // Calls `on_event` for each until it returns false or the stream ends.
  absl::Status Watch(const monitor::v1::WatchEventsRequest& request,
                     absl::FunctionRef<bool(const monitor::v1::WatchEventsResponse&)> on_event);
  // Page by page, up to `limit`; newest first.
  absl::StatusOr<std::vector<monitor::v1::Event>> Search(const monitor::v1::EventFilter& filter,
                                                         size_t limit);
  absl::StatusOr<monitor::v1::GetNtpResponse> Ntp();
  absl::StatusOr<monitor::v1::GetStatusResponse> Status();

 private:
  HeadendClient& client_;
  std::string target_;
  Duration patience_;
};

}  // namespace headwater
