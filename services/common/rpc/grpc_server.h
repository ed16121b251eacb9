#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/common/time/mono_time.h"

namespace headwater {

// A gRPC server with health v1 and reflection. It starts NOT_SERVING.
class GrpcServer {
 public:
  // Where it listens beside its socket.
  struct Tcp {
    // "[2001:db8::1]:9564", "192.0.2.1:9564".
    std::string address;
    std::shared_ptr<grpc::ServerCredentials> credentials;
  };
  // `socket_path` is a unix socket of mode 0660; a lock file beside it keeps a second instance from
  // taking it over (UNAVAILABLE names the path).
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Listen(
      const std::string& socket_path, const std::vector<grpc::Service*>& services,
      const std::optional<Tcp>& tcp = std::nullopt);
  ~GrpcServer();

  void SetServing(bool serving);
  // Refuses new calls and waits for those in progress; after `patience` they are cancelled.
  // Handlers that finish on the loop need the loop to run meanwhile, so this is called from another
  // thread.
  void Shutdown(Duration patience);

 private:
  GrpcServer(int lock_fd, std::string socket_path)
      : lock_fd_(lock_fd), socket_path_(std::move(socket_path)) {}

  int lock_fd_;
  std::string socket_path_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace headwater
