#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "services/mdns-zone-proxy/options.h"
#include "services/mdns-zone-proxy/service_name.h"

namespace headwater::zone {

// '*' is any run of characters, '?' one byte; letters of ASCII count as the same in either case, as
// they do in DNS. Linear in the text for each '*'.
bool MatchesGlob(std::string_view pattern, std::string_view text);

// A glob on types without "._sub.", or a subtype in full.
bool IsTypePattern(std::string_view pattern);

// What the policy says of one service between two zones.
struct Decision {
  // Index of the rule that decides; none: nothing matches, so it does not cross.
  std::optional<size_t> rule;
  bool allow = false;
  // A deny rule would match if the service had a subtype that has not been heard yet.
  bool wait = false;
  bool operator==(const Decision&) const = default;
};

// The rules in their order. A value; pure.
class Policy {
 public:
  Policy() = default;
  explicit Policy(std::vector<Rule> rules) : rules_(std::move(rules)) {}

  const std::vector<Rule>& rules() const { return rules_; }

  // `subtypes` in full, as "_universal._sub._ipp._tcp"; `settled`: all of them have had the time to
  // be heard.
  Decision Decide(std::string_view from, std::string_view to, const ServiceKey& key,
                  const std::set<std::string>& subtypes, bool settled) const;

  // Whether there is a rule by which something may cross.
  bool MayCross(std::string_view from, std::string_view to) const;

  // What must be asked for in a zone because rules name it: types (not globs) and subtypes.
  std::set<std::string> TypesFrom(std::string_view zone) const;

 private:
  std::vector<Rule> rules_;
};

}  // namespace headwater::zone
