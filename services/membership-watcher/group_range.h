#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "services/common/net/ip_address.h"

namespace headwater::membership {

// A block of groups: 232.0.0.0/8, ff30::/32. The scope of an IPv6 group, four bits of its prefix,
// is not compared: ff30::/32 stands for ff3x::/32 (RFC 4607 section 1). A value.
struct GroupRange {
  IpAddress address;
  int bits = 0;

  // "232.0.0.0/8"; nothing for any other text and for what holds no groups.
  static std::optional<GroupRange> Parse(std::string_view text);
  bool Contains(const IpAddress& group) const;
  bool operator==(const GroupRange&) const = default;
};

// 232/8 and ff3x::/32.
std::vector<GroupRange> DefaultSsmRanges();

// Groups of `groups` that are asked for without a source mean this one.
struct SsmMapping {
  GroupRange groups;
  IpAddress source;
  bool operator==(const SsmMapping&) const = default;
};

}  // namespace headwater::membership
