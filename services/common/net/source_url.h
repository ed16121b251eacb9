#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "services/common/base/result.h"
#include "services/common/net/ip_address.h"

namespace headwater {

enum class SourceUrlError {
  kSyntax,  // not a URL, too long, a port out of range, a host that two readers could take for
            // different ones
  kScheme,  // neither http, https nor icy
};

// An absolute http or https URL, taken apart so that what is checked is what is requested: the
// request is made from these parts, never from the text that came in. icy:// is http. Fragments are
// dropped, spaces and bytes outside ASCII in the path are percent-encoded. Hosts are lower-case
// names of letters, digits, '-', '_' and '.', dotted IPv4 or bracketed IPv6 without zone; "127.1",
// "0x7f.0.0.1" and percent-encoded hosts are kSyntax.
struct SourceUrl {
  static constexpr size_t kBytesMax = 4096;

  bool tls = false;
  std::string user;      // percent-decoded, for basic authentication
  std::string password;  // likewise; appears in no text
  std::string host;      // an IPv6 literal has no brackets
  std::optional<IpAddress> literal;
  uint16_t port = 80;
  std::string target;  // path and query, begins with '/'

  static Result<SourceUrl, SourceUrlError> Parse(std::string_view text);
  // A Location or a playlist's line as seen from this URL (RFC 3986 section 5.2). User name and
  // password go on to the same scheme, host and port only.
  Result<SourceUrl, SourceUrlError> Resolve(std::string_view reference) const;

  bool SameOrigin(const SourceUrl& other) const;
  // Host as in a URL: IPv6 in brackets.
  std::string Authority() const;
  // Without user name and password: for requests, logs and loops.
  std::string ToString() const;

  bool operator==(const SourceUrl&) const = default;
};

// May anything be fetched from there? Public addresses always; others only where `local`; never
// multicast or the unspecified address. To be asked of the address that is connected to, after
// resolution and on every redirect.
bool IsAddressAllowed(const IpAddress& address, bool local);

// Any text from outside that should have been a URL, fit for an error message: clean, without user
// name and password, cut to 200 bytes.
std::string RedactUrl(std::string_view text);

}  // namespace headwater
