#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <prometheus/registry.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace httplib {
class Server;
}

namespace headwater {

// HTTP for machines that watch: /metrics (Prometheus text), /livez (the process runs), /readyz (200
// while ready, else 503). On threads of its own.
class HttpEndpoint {
 public:
  // `address` is a literal; "::" listens on IPv4 and IPv6. Port 0 chooses one. UNAVAILABLE names
  // address and port.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Listen(
      const std::string& address, uint16_t port, std::shared_ptr<prometheus::Registry> registry);
  ~HttpEndpoint();

  void set_ready(bool ready) { ready_ = ready; }
  uint16_t port() const { return port_; }

 private:
  explicit HttpEndpoint(std::shared_ptr<prometheus::Registry> registry);
  void Route();

  std::shared_ptr<prometheus::Registry> registry_;
  std::atomic<bool> ready_ = false;
  std::unique_ptr<httplib::Server> server_;
  uint16_t port_ = 0;
  std::jthread thread_;
};

// Whether the endpoint of another process of this network namespace answers /livez within 2 s.
// "::" and "0.0.0.0" are this machine. UNAVAILABLE says what is wrong.
absl::Status AskLive(const std::string& address, uint16_t port);

}  // namespace headwater
