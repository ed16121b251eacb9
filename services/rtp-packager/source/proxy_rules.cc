#include "services/rtp-packager/source/proxy_rules.h"

#include <algorithm>
#include <charconv>

#include "services/common/playlist/line_scanner.h"

namespace headwater {
namespace {

bool IsWithin(std::string_view host, std::string_view domain) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (!host.ends_with(domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

bool HasPrefix(const IpAddress& address, const IpAddress& base, size_t length) {
  if (address.family() != base.family()) return false;
  for (size_t bit = 0; bit < length; ++bit) {
    const int difference = address.bytes()[bit / 8] ^ base.bytes()[bit / 8];
    if ((difference >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

std::string NameOf(std::string_view text) {
  if (text.starts_with('.')) text.remove_prefix(1);
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), LowerAscii);
  return name;
}

}  // namespace

std::optional<ProxyRules::Prefix> ProxyRules::ParsePrefix(std::string_view text) {
  const size_t slash = text.find('/');
  const auto base = IpAddress::Parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  Prefix prefix = {*base, base->bytes().size() * 8};
  if (slash == std::string_view::npos) return prefix;
  const std::string_view digits = text.substr(slash + 1);
  size_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || length > prefix.length)
    return std::nullopt;
  prefix.length = length;
  return prefix;
}

std::optional<ProxyRules> ProxyRules::Parse(std::string_view proxy,
                                            const std::vector<std::string>& no_proxy,
                                            std::string& fault) {
  ProxyRules rules;
  if (!proxy.empty()) {
    const auto url = SourceUrl::Parse(proxy);
    if (!url.ok() || url->tls || url->target != "/") {
      fault = RedactUrl(proxy);
      return std::nullopt;
    }
    rules.proxy_ = *url;
  }
  for (const std::string& text : no_proxy) {
    if (const auto prefix = ParsePrefix(text)) {
      rules.prefixes_.push_back(*prefix);
      continue;
    }
    const std::string name = NameOf(text);
    const auto url = SourceUrl::Parse("http://" + name);
    if (!url.ok() || url->host != name) {
      fault = text;
      return std::nullopt;
    }
    rules.names_.push_back(name);
  }
  return rules;
}

const SourceUrl* ProxyRules::For(std::string_view host, const IpAddress& address) const {
  if (!proxy_ || !address.IsPublic()) return nullptr;
  const bool named = std::any_of(names_.begin(), names_.end(),
                                 [&](const std::string& name) { return IsWithin(host, name); });
  const bool listed = std::any_of(prefixes_.begin(), prefixes_.end(), [&](const Prefix& prefix) {
    return HasPrefix(address, prefix.base, prefix.length);
  });
  return named || listed ? nullptr : &*proxy_;
}

}  // namespace headwater
