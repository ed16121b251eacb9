#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/common/config/config_table.h"
#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/runtime/common_options.h"

namespace grpc {
class Service;
}

namespace headwater {

class ControlTls;

// What a service is built from. Outlives it.
struct Runtime {
  const CommonOptions& options;
  Logger& log;
  EventLoop& loop;
  prometheus::Registry& registry;
  // "<name> <version>".
  std::string build;
  // This process's certificate for calls by "tls://": loaded when first asked for. Not before
  // privileges are dropped.
  std::function<absl::StatusOr<std::shared_ptr<ControlTls>>()> control;
};

// A running service. Constructed before the loop runs and before any thread is started (raw sockets
// are opened here), then everything happens on the loop's thread, where it is also destroyed.
class ServiceInstance {
 public:
  virtual ~ServiceInstance() = default;
  // Asked once, after construction; they must outlive the server, which ends before this object
  // does.
  virtual std::vector<grpc::Service*> GrpcServices() = 0;
  // Privileges are gone, threads and RPC clients may be started; the server is about to listen.
  virtual absl::Status Start() { return absl::OkStatus(); }
  // New options have been read and validated (SIGHUP): take all that can change live. Returns the
  // keys of the service's table that differ from what runs and need a restart; an error when the
  // new options had to be refused after all.
  virtual absl::StatusOr<std::vector<std::string>> Reload() = 0;
  // SIGTERM: end streams, say goodbye on the wire, then call `done`; after the drain limit the
  // process ends anyway.
  virtual void Drain(absl::AnyInvocable<void()> done) { done(); }
};

// What makes one service different from another at start.
struct ServiceDefinition {
  // Binary, folder, socket, unit and configuration table alike.
  std::string name;
  // One line for --help.
  std::string summary;
  // Of instance 0.
  uint16_t http_port = 0;
  // Reads the service's own table into options that the caller owns; faults go into the table. Also
  // called on SIGHUP: keep the old options until the status is known by reading into a fresh object
  // and swapping in `accept`.
  std::function<void(ConfigTable& table, const CommonOptions& common)> configure;
  // The options read by the last `configure` are valid: they count from now on.
  std::function<void()> accept = [] {};
  // For --check-config, after `accept`: what else can be checked without starting.
  std::function<absl::Status()> check = [] { return absl::OkStatus(); };
  // Opens raw sockets in its constructor: capabilities are dropped after it instead of before.
  bool needs_privileges = false;
  // Capabilities that it needs for good (CAP_NET_ADMIN); all others are dropped.
  std::vector<int> kept_capabilities;
  std::function<absl::StatusOr<std::unique_ptr<ServiceInstance>>(Runtime&)> create;
};

// The whole life of a service process: flags, configuration, signals, privileges, HTTP, gRPC,
// health, drain. Returns the exit status: 0, 64 usage, 69 unavailable (port, socket, device), 77 no
// permission, 78 configuration.
int ServiceMain(int argc, char** argv, const ServiceDefinition& definition);

}  // namespace headwater
