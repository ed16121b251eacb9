#include "services/rtp-packager/source/http/test_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "services/common/base/check.h"

namespace headwater {
namespace {

// Binds to a port of the kernel's choosing on 127.0.0.1.
uint16_t BindLoopback(int fd) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  HW_CHECK(bind(fd, generic, size) == 0);
  HW_CHECK(getsockname(fd, generic, &size) == 0);
  return ntohs(address.sin_port);
}

}  // namespace

TestConnection::TestConnection(int fd, SSL_CTX* tls) : fd_(fd) {
  if (tls == nullptr) return;
  ssl_ = SSL_new(tls);
  SSL_set_fd(ssl_, fd_);
}

TestConnection::~TestConnection() {
  SSL_free(ssl_);
  close(fd_);
}

bool TestConnection::ReadRequest() {
  if (ssl_ != nullptr && SSL_accept(ssl_) != 1) return false;
  request_.clear();
  std::array<char, 4096> buffer;
  while (request_.find("\r\n\r\n") == std::string::npos) {
    const ssize_t size = ssl_ != nullptr
                             ? SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()))
                             : recv(fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    request_.append(buffer.data(), static_cast<size_t>(size));
  }
  return true;
}

std::string TestConnection::path() const {
  const size_t begin = request_.find(' ') + 1;
  return request_.substr(begin, request_.find(' ', begin) - begin);
}

bool TestConnection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ssl_ != nullptr
                             ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                             : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

void TestConnection::WaitClosed() {
  std::array<char, 256> buffer;
  while (recv(fd_, buffer.data(), buffer.size(), 0) > 0) {
  }
}

void TestConnection::Shutdown() { shutdown(fd_, SHUT_RDWR); }

TestServer::TestServer(Handler handler, const std::string& pem) : handler_(std::move(handler)) {
  if (!pem.empty()) {
    tls_ = SSL_CTX_new(TLS_server_method());
    HW_CHECK(SSL_CTX_use_certificate_file(tls_, pem.c_str(), SSL_FILETYPE_PEM) == 1);
    HW_CHECK(SSL_CTX_use_PrivateKey_file(tls_, pem.c_str(), SSL_FILETYPE_PEM) == 1);
  }
  listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  port_ = BindLoopback(listen_fd_);
  HW_CHECK(listen(listen_fd_, 16) == 0);
  accept_thread_ = std::thread([this] { Accept(); });
}

TestServer::~TestServer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& connection : connections_) connection->Shutdown();
  }
  shutdown(listen_fd_, SHUT_RDWR);
  accept_thread_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listen_fd_);
  SSL_CTX_free(tls_);
}

std::string TestServer::Url(std::string_view path, std::string_view host) const {
  return fmt::format("{}://{}:{}{}", tls_ != nullptr ? "https" : "http", host, port_, path);
}

std::vector<std::string> TestServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

void TestServer::Accept() {
  for (;;) {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    std::lock_guard lock(mutex_);
    connections_.push_back(std::make_unique<TestConnection>(fd, tls_));
    if (stopping_) connections_.back()->Shutdown();
    threads_.emplace_back([this, connection = connections_.back().get()] { Serve(*connection); });
  }
}

void TestServer::Serve(TestConnection& connection) {
  if (connection.ReadRequest()) {
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(connection.request());
    }
    handler_(connection);
  }
  connection.Shutdown();
}

TestNameServer::TestNameServer(std::vector<std::string> addresses)
    : addresses_(std::move(addresses)) {
  fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  port_ = BindLoopback(fd_);
  thread_ = std::thread([this] { Serve(); });
}

TestNameServer::~TestNameServer() {
  shutdown(fd_, SHUT_RDWR);
  thread_.join();
  close(fd_);
}

std::string TestNameServer::name() const { return fmt::format("127.0.0.1:{}", port_); }

void TestNameServer::Serve() {
  std::array<char, 512> buffer;
  const char ttl = addresses_.size() > 1 ? '\0' : '\x3c';
  for (size_t next = 0;;) {
    sockaddr_storage from = {};
    socklen_t from_size = sizeof from;
    auto* peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t size = recvfrom(fd_, buffer.data(), buffer.size(), 0, peer, &from_size);
    // A socket shut down gives empty datagrams.
    if (size < 17) return;
    ++queries_;
    const std::string query(buffer.data(), static_cast<size_t>(size));
    const size_t name_end = query.find('\0', 12);
    const std::string question = query.substr(12, name_end + 5 - 12);
    const bool is_a = question[question.size() - 3] == 1;
    const std::string& address = addresses_[next];
    const bool has_answer = is_a && !address.empty();
    if (is_a) next = std::min(next + 1, addresses_.size() - 1);
    std::string reply = query.substr(0, 2);
    // QR, RD, RA; NXDOMAIN where there is no address at all (RFC 1035 section 4.1.1).
    reply += std::string("\x81", 1) + static_cast<char>(address.empty() ? 0x83 : 0x80);
    reply +=
        std::string("\0\x01\0", 3) + static_cast<char>(has_answer ? 1 : 0) + std::string(4, '\0');
    reply += question;
    if (has_answer) {
      reply +=
          std::string("\xc0\x0c\0\x01\0\x01\0\0\0", 9) + ttl + std::string("\0\x04", 2) + address;
    }
    sendto(fd_, reply.data(), reply.size(), 0, peer, from_size);
  }
}

uint16_t ClosedPort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const uint16_t port = BindLoopback(fd);
  close(fd);
  return port;
}

}  // namespace headwater
