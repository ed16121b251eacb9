#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/net/source_url.h"

namespace headwater {

// Which requests go by a proxy, and by which.
class ProxyRules {
 public:
  // No proxy.
  ProxyRules() = default;
  // `proxy`: "http://[user:password@]host:port"; empty for none. `no_proxy`: names, which stand for
  // every name beneath them too ("example.net", ".example.net"), addresses, and prefixes
  // ("192.0.2.0/24"). Nothing when one of them is none of that; `fault` is that one.
  static std::optional<ProxyRules> Parse(std::string_view proxy,
                                         const std::vector<std::string>& no_proxy,
                                         std::string& fault);

  // The proxy for a host that has this address, nullptr for none. What is not a public address is
  // always reached directly, where it may be reached at all: the proxy is never asked for it.
  const SourceUrl* For(std::string_view host, const IpAddress& address) const;

  bool operator==(const ProxyRules&) const = default;

 private:
  struct Prefix {
    IpAddress base;
    size_t length = 0;
    bool operator==(const Prefix&) const = default;
  };
  static std::optional<Prefix> ParsePrefix(std::string_view text);

  std::optional<SourceUrl> proxy_;
  std::vector<std::string> names_;  // lower case, without dots at the ends
  std::vector<Prefix> prefixes_;
};

}  // namespace headwater
