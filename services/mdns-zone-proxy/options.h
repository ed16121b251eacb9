#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "services/common/time/mono_time.h"

namespace headwater::zone {

// Matches any zone in a rule's `from` and `to`.
inline constexpr const char* kAnyZone = "*";

// "inet filter printers": an nftables table's family and name, and what its sets are called, to
// which "4" and "6" are added, since a set holds one family.
struct NftSet {
  std::string family;
  std::string table;
  std::string set;
  auto operator<=>(const NftSet&) const = default;
};

// One line of the policy. The first rule that matches decides; without one nothing crosses.
struct Rule {
  std::string name;
  std::string from;
  std::string to;
  // Globs as "_ipp._tcp", or a subtype in full, "_universal._sub._ipp._tcp". Empty: every type.
  std::vector<std::string> types;
  // Globs on the instance name. Empty: every name.
  std::vector<std::string> names;
  bool allow = true;
  // Addresses that cross.
  bool ipv4 = true;
  bool ipv6 = true;
  // Filled with what this rule decides; empty `set`: none.
  NftSet nft_set;
  bool operator==(const Rule&) const = default;
};

struct ZoneOptions {
  std::string name;
  // Path of the bus's socket.
  std::string bus;
  bool operator==(const ZoneOptions&) const = default;
};

// What a zone may make the proxy hold; more is dropped and counted.
struct Limits {
  size_t types_max = 256;
  size_t services_max = 2048;
  // Records of one name and type, over all interfaces and both protocols.
  size_t records_max = 32;
  size_t subtypes_max = 16;
  // RFC 6763 section 6.2 asks for less than 1300; what is longer stays where it is.
  size_t txt_bytes_max = 4096;
  // Services published in one zone.
  size_t mirrored_max = 2048;
  bool operator==(const Limits&) const = default;
};

struct Timing {
  // Changes are acted upon together after so long: an announcement is many records.
  Duration gather = 10ms;
  // After a zone's bus is reached: what a proxy before this one published there is still in caches
  // for a second (RFC 6762 section 10.1), and looks like anybody's.
  Duration settle = 1500ms;
  // A deny rule by subtype waits so long for the subtype of a service that is new.
  Duration subtype_wait = 1s;
  // What was seen before a zone's Avahi went away counts as there for so long while it is away, and
  // so long after it is back, and never longer in all than `stale_max`.
  Duration zone_patience = 15s;
  Duration seen_again = 5s;
  Duration stale_max = 30s;
  // A name that we published is not taken for anybody else's for so long after it was withdrawn.
  Duration own_memory = 3s;
  // Of lookups and publications that fail, doubling.
  Duration backoff_first = 1s;
  Duration backoff_max = 60s;
};

struct Options {
  // By name: where names clash, the zone whose name comes first keeps its own.
  std::vector<ZoneOptions> zones;
  std::vector<Rule> rules;
  // Subtypes that are carried over although no rule names them; there is no way to ask for those of
  // a service (RFC 6763 section 7.1).
  std::vector<std::string> subtypes = {"_universal._sub._ipp._tcp", "_universal._sub._ipps._tcp",
                                       "_print._sub._ipp._tcp",     "_print._sub._ipps._tcp",
                                       "_cups._sub._ipp._tcp",      "_cups._sub._ipps._tcp",
                                       "_printer._sub._http._tcp",  "_scanner._sub._http._tcp"};
  Limits limits;
  Timing timing;
};

}  // namespace headwater::zone
