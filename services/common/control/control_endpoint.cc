#include "services/common/control/control_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "services/common/base/absl_text.h"
#include "services/common/net/ip_address.h"

namespace headwater {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kTls = "tls://";
constexpr std::string_view kPlaintext = "plaintext://";
// RFC 1035 section 2.3.4.
constexpr size_t kHostNameMax = 253;

bool IsHostName(std::string_view text) {
  return !text.empty() && text.size() <= kHostNameMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_';
         });
}

// "HOST:PORT" into an endpoint; false when it is none.
bool ReadHostAndPort(std::string_view text, ControlEndpoint& out) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || out.port == 0) return false;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  if (address && (address->IsMulticast() || address->is_v6() != bracketed)) return false;
  if (!address && (bracketed || !IsHostName(host))) return false;
  out.is_address = address.has_value();
  out.host = address ? address->ToString() : std::string(host);
  return true;
}

}  // namespace

absl::StatusOr<ControlEndpoint> ControlEndpoint::Parse(std::string_view text) {
  ControlEndpoint endpoint;
  if (text.starts_with(kUnix)) {
    endpoint.host = text.substr(kUnix.size());
    if (!endpoint.host.empty()) return endpoint;
    return absl::InvalidArgumentError(ToAbsl(fmt::format("\"{}\" names no socket", text)));
  }
  const bool tls = text.starts_with(kTls);
  if (!tls && !text.starts_with(kPlaintext)) {
    return absl::InvalidArgumentError(ToAbsl(
        fmt::format("\"{}\": must be \"unix:PATH\" or \"tls://ADDRESS:PORT\"; TCP that is not "
                    "encrypted has to be asked for in words, \"plaintext://ADDRESS:PORT\"",
                    text)));
  }
  endpoint.kind = tls ? Kind::kTls : Kind::kPlaintext;
  if (!ReadHostAndPort(text.substr(tls ? kTls.size() : kPlaintext.size()), endpoint)) {
    return absl::InvalidArgumentError(
        ToAbsl(fmt::format("\"{}\": needs an address or a name, and a port, as in "
                           "\"tls://[2001:db8::1]:9564\" or \"tls://192.0.2.1:9564\"",
                           text)));
  }
  return endpoint;
}

std::string ControlEndpoint::GrpcTarget() const {
  if (kind == Kind::kUnix) return fmt::format("unix:{}", host);
  if (!is_address) return fmt::format("dns:///{}:{}", host, port);
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("ipv6:[{}]:{}", host, port) : fmt::format("ipv4:{}:{}", host, port);
}

}  // namespace headwater
