#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace headwater {

// One accepted connection of a TestServer, plain or TLS, with its request read.
class TestConnection {
 public:
  TestConnection(int fd, SSL_CTX* tls);
  ~TestConnection();
  TestConnection(const TestConnection&) = delete;
  TestConnection& operator=(const TestConnection&) = delete;

  // The next request up to its empty line; false when it never came.
  bool ReadRequest();
  const std::string& request() const { return request_; }
  // "/x" of "GET /x HTTP/1.1".
  std::string path() const;

  // False once the peer has gone.
  bool Write(std::string_view bytes);
  // Blocks until the peer closes, or the server stops.
  void WaitClosed();
  // From any thread: ends all of the above.
  void Shutdown();

 private:
  int fd_;
  SSL* ssl_ = nullptr;
  std::string request_;
};

// An HTTP server on 127.0.0.1, port of its own choosing, that does what a handler says: for one
// that does not behave. A thread per connection.
class TestServer {
 public:
  using Handler = std::function<void(TestConnection&)>;

  // With a PEM file that holds key and certificate: https.
  explicit TestServer(Handler handler, const std::string& pem = "");
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  uint16_t port() const { return port_; }
  std::string Url(std::string_view path, std::string_view host = "127.0.0.1") const;
  // Every request so far.
  std::vector<std::string> requests() const;

 private:
  void Accept();
  void Serve(TestConnection& connection);

  Handler handler_;
  SSL_CTX* tls_ = nullptr;
  int listen_fd_;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  bool stopping_ = false;
  std::vector<std::string> requests_;
  std::vector<std::unique_ptr<TestConnection>> connections_;
  std::vector<std::thread> threads_;
  std::thread accept_thread_;
};

// A name server on 127.0.0.1 that gives one A record (and no AAAA) for every name, or says that
// there is none. Of several addresses it gives one after the other, with a TTL of 0, and then the
// last one for ever.
class TestNameServer {
 public:
  // Network order; an empty one: NXDOMAIN.
  explicit TestNameServer(std::vector<std::string> addresses);
  ~TestNameServer();
  TestNameServer(const TestNameServer&) = delete;
  TestNameServer& operator=(const TestNameServer&) = delete;

  // "127.0.0.1:port"
  std::string name() const;
  int queries() const { return queries_; }

 private:
  void Serve();

  std::vector<std::string> addresses_;
  int fd_;
  uint16_t port_ = 0;
  std::atomic<int> queries_ = 0;
  std::thread thread_;
};

// A TCP port of 127.0.0.1 on which nobody listens.
uint16_t ClosedPort();

}  // namespace headwater
