#include "services/common/rpc/grpc_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "services/common/base/absl_text.h"

namespace headwater {

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Listen(
    const std::string& socket_path, const std::vector<grpc::Service*>& services,
    const std::optional<Tcp>& tcp) {
  if (socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        ToAbsl(fmt::format("{}: a socket path has at most {} characters; choose a shorter run_dir",
                           socket_path, sizeof(sockaddr_un::sun_path) - 1)));
  }
  const std::string lock_path = socket_path + ".lock";
  const int lock_fd = open(lock_path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0660);
  if (lock_fd < 0) {
    return absl::UnavailableError(ToAbsl(fmt::format("{}: {}", lock_path, std::strerror(errno))));
  }
  std::unique_ptr<GrpcServer> server(new GrpcServer(lock_fd, socket_path));
  if (flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(
        ToAbsl(fmt::format("{}: another instance is running", socket_path)));
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("unix:" + socket_path, grpc::InsecureServerCredentials(), &bound);
  int tcp_bound = 0;
  if (tcp) builder.AddListeningPort(tcp->address, tcp->credentials, &tcp_bound);
  // Clients ask by ping whether we live (OpenChannel); by default that is an offence.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(16 << 20);
  for (grpc::Service* service : services) builder.RegisterService(service);
  server->server_ = builder.BuildAndStart();
  if (tcp && tcp_bound == 0)
    return absl::UnavailableError(ToAbsl(fmt::format("{}: cannot listen", tcp->address)));
  if (server->server_ == nullptr || bound == 0) {
    return absl::UnavailableError(ToAbsl(fmt::format("{}: cannot listen", socket_path)));
  }
  chmod(socket_path.c_str(), 0660);
  server->SetServing(false);
  return server;
}

GrpcServer::~GrpcServer() {
  Shutdown(0s);
  close(lock_fd_);
}

void GrpcServer::SetServing(bool serving) {
  if (auto* health = server_->GetHealthCheckService()) health->SetServingStatus(serving);
}

void GrpcServer::Shutdown(Duration patience) {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::duration_cast<std::chrono::microseconds>(patience));
  server_->Wait();
  server_.reset();
}

}  // namespace headwater
