#include "services/common/control/peer_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace headwater {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr size_t kPartMax = 64;
constexpr std::string_view kRoles[] = {
    "membership-watcher", "directory-resolver", "session-manager", "rtp-packager",  "sap-announcer",
    "dvb-tuner",          "mcast-bridge",       "mdns-zone-proxy", "mcast-monitor", "console",
    "headwaterctl"};

bool IsPart(std::string_view text) {
  return !text.empty() && text.size() <= kPartMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

}  // namespace

bool IsSiteName(std::string_view text) { return IsPart(text); }

bool IsInstanceName(std::string_view text) { return IsPart(text) && text != "." && text != ".."; }

bool IsRole(std::string_view text) {
  return std::find(std::begin(kRoles), std::end(kRoles), text) != std::end(kRoles);
}

std::string RolesText() { return fmt::format("{}", fmt::join(kRoles, ", ")); }

std::string PeerName::ToString() const {
  return fmt::format("{}{}/{}/{}", kScheme, site, role, instance);
}

std::optional<PeerName> PeerName::Parse(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return std::nullopt;
  uri.remove_prefix(kScheme.size());
  const size_t role = uri.find('/');
  const size_t instance = role == uri.npos ? uri.npos : uri.find('/', role + 1);
  if (instance == uri.npos) return std::nullopt;
  PeerName name = {std::string(uri.substr(0, role)),
                   std::string(uri.substr(role + 1, instance - role - 1)),
                   std::string(uri.substr(instance + 1))};
  if (!IsSiteName(name.site) || !IsRole(name.role) || !IsInstanceName(name.instance))
    return std::nullopt;
  return name;
}

}  // namespace headwater
