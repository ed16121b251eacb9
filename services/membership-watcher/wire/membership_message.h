#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "services/common/net/ip_address.h"

namespace headwater::membership {

// What MLD and IGMP have in common, so that the core knows one protocol instead of five.

enum class Version : uint8_t { kIgmpV1, kIgmpV2, kIgmpV3, kMldV1, kMldV2 };

// Hosts of these versions suppress each other's reports and know no sources.
constexpr bool IsOlder(Version version) {
  return version != Version::kIgmpV3 && version != Version::kMldV2;
}

constexpr bool IsMld(Version version) {
  return version == Version::kMldV1 || version == Version::kMldV2;
}

// Multicast address record types of RFC 9777 section 5.2.13; IGMPv3 has the same numbers.
enum class RecordType : uint8_t {
  kIsInclude = 1,
  kIsExclude = 2,
  kToInclude = 3,
  kToExclude = 4,
  kAllow = 5,
  kBlock = 6,
};

struct Record {
  RecordType type = RecordType::kIsInclude;
  IpAddress group;
  std::vector<IpAddress> sources;

  bool operator==(const Record&) const = default;
};

// A report of any version. Those of the older versions are translated as RFC 9777 section 8.3.2 and
// RFC 9776 section 7.3.2 say: a report is IS_EX({}), a done or leave is TO_IN({}).
struct Report {
  Version version = Version::kMldV2;
  std::vector<Record> records;

  bool operator==(const Report&) const = default;
};

struct Query {
  Version version = Version::kMldV2;
  // Unspecified address: a general query.
  IpAddress group;
  std::vector<IpAddress> sources;
  // Decoded from and encoded to the floating-point codes; rounded down to what a code can say.
  std::chrono::milliseconds max_response{0};
  // The S flag: routers that hear the query leave their timers alone.
  bool suppress = false;
  // Robustness of the querier; 0 means unknown (older versions, or larger than 7).
  uint8_t robustness = 0;
  // 0 means unknown.
  std::chrono::seconds query_interval{0};

  bool general() const { return group.IsUnspecified(); }
  bool operator==(const Query&) const = default;
};

// Somebody wants to know where the routers are (RFC 4286 section 3.2).
struct RouterSolicitation {
  bool operator==(const RouterSolicitation&) const = default;
};

struct Message {
  IpAddress from;
  IpAddress to;
  std::variant<Query, Report, RouterSolicitation> body;

  bool operator==(const Message&) const = default;
};

// Why a packet was not taken. The names are metric labels.
enum class DropReason : uint8_t {
  kNotMembership,  // another protocol or ICMPv6 type: not an error
  kTruncated,      // ends before its own lengths say, or a length contradicts another
  kBadHeader,      // IP version, header length, IPv4 header checksum
  kFragment,
  kHopLimit,     // hop limit or TTL other than 1: it came through a router
  kSource,       // not a link-local IPv6 source, or an impossible IPv4 one
  kQuerySource,  // the same, of a query: worth a warning (RFC 9777 section 5.1.14)
  kRouterAlert,  // no Router Alert option where the RFC demands it
  kChecksum,
  kGroup,  // the group is not a multicast address
};
inline constexpr int kDropReasonCount = static_cast<int>(DropReason::kGroup) + 1;

constexpr std::string_view Name(DropReason reason) {
  constexpr std::string_view kNames[kDropReasonCount] = {
      "not_membership", "truncated",    "bad_header",   "fragment", "hop_limit",
      "source",         "query_source", "router_alert", "checksum", "group",
  };
  return kNames[static_cast<size_t>(reason)];
}

inline constexpr int kVersionCount = static_cast<int>(Version::kMldV2) + 1;

constexpr std::string_view Name(Version version) {
  constexpr std::string_view kNames[kVersionCount] = {"igmpv1", "igmpv2", "igmpv3", "mldv1",
                                                      "mldv2"};
  return kNames[static_cast<size_t>(version)];
}

}  // namespace headwater::membership
