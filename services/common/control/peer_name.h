#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headwater {

// Who speaks on the control leg: "spiffe://<site>/<role>/<instance>", the one URI among a
// certificate's alternative names (SPIFFE X.509-SVID section 2). A role is a program's name.
struct PeerName {
  std::string site;
  std::string role;
  std::string instance;

  std::string ToString() const;
  // Nothing for whatever ToString cannot have made.
  static std::optional<PeerName> Parse(std::string_view uri);
  bool operator==(const PeerName&) const = default;
};

// A trust domain: 1 to 64 of a-z, 0-9, '-', '_' and '.', as "home" or "headend.example".
bool IsSiteName(std::string_view text);
// Likewise; not "." or "..".
bool IsInstanceName(std::string_view text);
// "rtp-packager", "headwaterctl", "console".
bool IsRole(std::string_view text);
// Every role, for messages: "membership-watcher, directory-resolver, ...".
std::string RolesText();

}  // namespace headwater
