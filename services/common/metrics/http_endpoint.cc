#include "services/common/metrics/http_endpoint.h"

#include <fmt/format.h>
#include <httplib.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "services/common/base/absl_text.h"

namespace headwater {

HttpEndpoint::HttpEndpoint(std::shared_ptr<prometheus::Registry> registry)
    : registry_(std::move(registry)), server_(std::make_unique<httplib::Server>()) {}

void HttpEndpoint::Route() {
  // Two threads serve a scraper and a person; more would only wait.
  server_->new_task_queue = [] { return new httplib::ThreadPool(2); };
  server_->set_read_timeout(5);
  server_->set_write_timeout(5);
  server_->set_keep_alive_timeout(5);
  server_->set_payload_max_length(4096);
  server_->Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(prometheus::TextSerializer().Serialize(registry_->Collect()),
                         "text/plain; version=0.0.4; charset=utf-8");
  });
  server_->Get("/livez", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("ok\n", "text/plain");
  });
  server_->Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
    response.status = ready_ ? 200 : 503;
    response.set_content(ready_ ? "ready\n" : "not ready\n", "text/plain");
  });
}

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Listen(
    const std::string& address, uint16_t port, std::shared_ptr<prometheus::Registry> registry) {
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint(std::move(registry)));
  endpoint->Route();
  // The library's default also sets SO_REUSEPORT, with which two processes would share a port and
  // each scrape would meet either.
  endpoint->server_->set_socket_options([](socket_t fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  int bound = port;
  if (port == 0) {
    bound = endpoint->server_->bind_to_any_port(address.c_str());
  } else if (!endpoint->server_->bind_to_port(address.c_str(), port)) {
    bound = -1;
  }
  if (bound < 0) {
    return absl::UnavailableError(
        ToAbsl(fmt::format("HTTP: cannot listen on {} port {}", address, port)));
  }
  endpoint->port_ = static_cast<uint16_t>(bound);
  endpoint->thread_ =
      std::jthread([server = endpoint->server_.get()] { server->listen_after_bind(); });
  while (!endpoint->server_->is_running()) std::this_thread::yield();
  return endpoint;
}

HttpEndpoint::~HttpEndpoint() {
  if (server_->is_running()) server_->stop();
}

absl::Status AskLive(const std::string& address, uint16_t port) {
  httplib::Client client(address, port);
  client.set_connection_timeout(2);
  client.set_read_timeout(2);
  const httplib::Result answer = client.Get("/livez");
  if (answer && answer->status == 200) return absl::OkStatus();
  const std::string what =
      answer ? fmt::format("status {}", answer->status) : httplib::to_string(answer.error());
  return absl::UnavailableError(
      ToAbsl(fmt::format("/livez at {} port {}: {}", address, port, what)));
}

}  // namespace headwater
