#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace headwater {

// Where a service listens or is reached: "unix:/run/headwater/x.sock", "tls://[2001:db8::1]:9564"
// (mutual TLS), and in so many words "plaintext://192.0.2.1:9564" (TCP that anybody may read and
// forge).
struct ControlEndpoint {
  enum class Kind { kUnix, kTls, kPlaintext };
  Kind kind = Kind::kUnix;
  // A socket's path; or an address without brackets, or a name.
  std::string host;
  // 0 for a socket.
  uint16_t port = 0;
  // Whether `host` is an address; a name is looked up.
  bool is_address = false;

  // INVALID_ARGUMENT says what is wrong and what would do.
  static absl::StatusOr<ControlEndpoint> Parse(std::string_view text);
  // As gRPC writes it: "unix:/run/x.sock", "ipv6:[2001:db8::1]:9564", "dns:///sender:9564".
  std::string GrpcTarget() const;
  bool operator==(const ControlEndpoint&) const = default;
};

}  // namespace headwater
